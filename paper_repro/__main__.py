"""``python -m paper_repro`` is the console script ``paper-repro``."""

from paper_repro.cli import main

if __name__ == "__main__":
    main()
