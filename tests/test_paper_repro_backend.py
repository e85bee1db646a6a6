"""The same tables on a Dask cluster; a killed worker, a dead cluster and Ctrl-C lose nothing; shards fit together."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from conftest import invoke
from hypothesis import given
from hypothesis import strategies as st
from permits import HANGS, Permits, take, until

from paper_repro import backend, cells, pipeline, plan, progress
from paper_repro.jobs import Shard, parse, part
from theory.studies.study import Study

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("sim", "theory", "figures", "paper_repro", "llm")
PLAYED = ("peek", "worst_found")  # a sweep of 68 configurations, a study of 14 cells


def cluster_only(test):
    """A test that starts a cluster, or asks for one."""
    absent = find_spec("distributed") is None
    return pytest.mark.slow(pytest.mark.skipif(absent, reason="extra cluster is not installed")(test))


def call(*words, wait=True, **environment):
    """The command line, or another module or script, in a process of its own."""
    started = subprocess.Popen(
        [sys.executable, *(("-m",) if not words[0].endswith(".py") else ()), *words],
        cwd=ROOT,
        env=os.environ | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1") | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if not wait:
        return started
    started.out, started.err = started.communicate(timeout=HANGS)
    return started


class Cluster:
    """A scheduler and its workers, each a process; ``address`` is where they meet."""

    def __init__(self, folder):
        self.folder, self.workers = folder, []
        file = folder / "scheduler.json"
        words = ("--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
        self.scheduler = self.start("dask", "scheduler", *words, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")
        until(lambda: file.is_file() and file.read_text().endswith("}"))
        self.file, self.address = str(file), json.loads(file.read_text())["address"]

    def start(self, *words, root=ROOT, **environment):
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=root,
                env=os.environ | dict(PYTHONPATH=f"{root}:{ROOT / 'tests'}", OMP_NUM_THREADS="1") | environment,
                stdout=log,
                stderr=log,
            )

    def join(self, root=ROOT, threads=1, permits=None):
        """One more worker, without a nanny: once killed it stays dead.  With permits its runs wait for them."""
        words = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard", "--preload", "permits")
        words += ("--local-directory", str(self.folder))
        wait = {} if permits is None else permits.environment
        self.workers.append(self.start("dask", "worker", self.address, *words, root=root, **wait))
        return self

    def said(self):
        """The last words of the scheduler and its workers."""
        return (self.folder / "log").read_text()[-4000:]

    def part(self):
        """Kill the workers; return once the scheduler knows."""
        from distributed import Client

        for process in self.workers:
            process.kill()
            process.wait()
        self.workers.clear()
        with Client(self.address, set_as_default=False) as client:
            until(lambda: not client.nthreads())

    def kill(self):
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One scheduler for all tests that leave it alive."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.kill()


@pytest.fixture
def cluster(shared):
    """The shared scheduler without workers."""
    yield shared
    shared.part()


@pytest.fixture
def mortal(tmp_path):
    """A cluster that the test may kill."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    yield cluster
    cluster.kill()


@pytest.fixture
def interruptible():
    """Programs that are started obey Ctrl-C, also where the tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def permits(tmp_path):
    return Permits(tmp_path / "permits")


def finished(out):
    """Notes of finished configurations and cells -> when they were written."""
    return {file: file.stat().st_mtime_ns for file in out.glob("cache/*/*.json")}


def content(out):
    """Bytes of every table, result and cell."""
    return {str(f.relative_to(out)): f.read_bytes() for p in ("*.parquet", "*.npy") for f in sorted(out.rglob(p))}


def sweep(*only, out, **options):
    words = [w for name in only for w in ("--only", name)]
    extra = [w for name, value in options.items() for w in (f"--{name}", value)]
    return ("paper_repro", "sweep", "--tier", "smoke", *words, "--out", str(out), *extra)


@pytest.fixture(scope="module")
def local(compiled, tmp_path_factory):
    """What the sweeps and studies of these tests give here, on one thread."""
    out = tmp_path_factory.mktemp("local")
    pipeline.simulate(plan.make("smoke", PLAYED), out, backend.Where())
    return out


@cluster_only
def test_two_workers_give_the_bytes_of_one_thread_and_one_of_them_may_die(local, cluster, permits, tmp_path):
    """One of two workers is killed while it plays: nothing finished is played again, nothing is missing."""
    cluster.join(permits=permits).join(threads=2, permits=permits)
    out = tmp_path / "out"
    playing = call(*sweep(*PLAYED, out=out, backend="dask", scheduler=cluster.file), wait=False)
    permits.give(5)
    until(lambda: len(finished(out)) == 5 or playing.poll() is not None)
    cluster.workers[0].kill()
    before = finished(out)
    permits.open()
    said, error = playing.communicate(timeout=HANGS)
    assert playing.returncode == 0, error + cluster.said()
    assert 5 == len(before) < len(finished(out)) == len(finished(local))
    assert before.items() <= finished(out).items()
    assert content(out) == content(local)
    assert re.search(r"(\d+)/\1 configurations", said) and re.search(r"(\d+)/\1 cells", said)


@cluster_only
def test_ctrl_c_and_a_dead_cluster_keep_what_is_done(interruptible, local, mortal, permits, tmp_path):
    """Both come while a run that was begun waits for its permit, so that the command cannot have ended before."""
    out, cluster = tmp_path / "out", mortal.join(permits=permits)
    words = sweep(*PLAYED, out=out, backend="dask", scheduler=cluster.address)

    playing = call(*words, wait=False)
    permits.give(3)
    until(lambda: len(finished(out)) == 3 or playing.poll() is not None)
    playing.send_signal(signal.SIGINT)
    _, error = playing.communicate(timeout=HANGS)
    assert playing.returncode == 130, error + cluster.said()
    assert "the same command goes on" in error and "Traceback" not in error
    first = finished(out)
    assert len(first) == 3 < len(finished(local))

    playing = call(*words, wait=False)
    permits.give(4)  # one may go to the run that the interrupted command left behind
    until(lambda: len(finished(out)) >= len(first) + 3 or playing.poll() is not None)
    cluster.kill()
    _, error = playing.communicate(timeout=HANGS)
    assert playing.returncode == 2, error + cluster.said()
    assert "the cluster is gone" in error and "Traceback" not in error
    second = finished(out)
    assert first.items() < second.items() and len(second) < len(finished(local))

    pipeline.simulate(plan.make("smoke", PLAYED), out, backend.Where())
    assert second.items() <= finished(out).items()
    assert content(out) == content(local)


@cluster_only
def test_progress_moves_as_results_arrive(cluster, tmp_path, monkeypatch, capsys):
    cluster.join()
    monkeypatch.setattr(progress, "PLAIN_EVERY", 0.0)
    made = plan.make("smoke", ("controls", "worst_found"))
    pipeline.simulate(made, tmp_path / "out", backend.Where(scheduler=cluster.address))
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "s left" in line]
    assert lines[:4] == ["1/4", "2/4", "3/4", "4/4"]
    assert lines[4:] == [f"{i}/{len(lines) - 4}" for i in range(1, len(lines) - 3)] and len(lines) > 8


def other_code(folder, damage):
    """A copy of the code in which ``damage`` names what differs."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    if damage == "rules":
        with (folder / "sim" / "rules" / "gates.py").open("a") as file:
            file.write("# another rule\n")
    else:
        (folder / "paper_repro" / "backend.py").write_text("raise ImportError('nothing to import')\n")
    return folder


@cluster_only
@pytest.mark.parametrize(
    ("damage", "message"), [("rules", r"\(sim \w+ there, \w+ here"), ("nothing to import", "cannot run this package")]
)
def test_a_worker_with_other_code_is_refused(cluster, tmp_path, damage, message):
    cluster.join(other_code(tmp_path / "other", damage))
    place = backend.Where(scheduler=cluster.address)
    with pytest.raises(backend.ClusterError, match=message) as refused, backend.connect(place):
        pass
    assert "install the same version" in str(refused.value)


@cluster_only
def test_a_worker_that_joins_later_looks_at_itself():
    assert backend.remote(backend.identity(), len, ("abc",)) == 3
    with pytest.raises(backend.ClusterError, match=r"would compute something else \(numpy "):
        backend.remote(backend.identity() | {"numpy": "1.0"}, len, ("abc",))


@cluster_only
def test_an_absent_scheduler_is_one_line_that_says_how_long_was_waited(tmp_path):
    done = call(*sweep("controls", out=tmp_path, backend="dask", scheduler="127.0.0.1:1"))
    assert done.returncode == 2
    assert re.fullmatch(r"error: no Dask scheduler answers at 127.0.0.1:1 \(.* after 5 s\); .*\n", done.err), done.err


@cluster_only
def test_an_address_that_is_none_is_never_given_to_a_client(monkeypatch, tmp_path):
    """A client that is given no port hangs when it is let go."""
    import distributed

    monkeypatch.setattr(distributed, "Client", None)
    done = invoke(*sweep("controls", out=tmp_path, backend="dask", scheduler="nonsense")[1:])
    assert done.exit_code == 2
    assert re.fullmatch(r"error: no Dask scheduler answers at nonsense \(missing port .*\); .*\n", done.stderr)


@cluster_only
def test_a_scheduler_without_workers_is_explained(cluster, monkeypatch):
    monkeypatch.setattr(backend, "WORKERS", 0.5)
    place = backend.Where(scheduler=cluster.address)
    with pytest.raises(backend.ClusterError, match="no workers after"), backend.connect(place):
        pass


@cluster_only
def test_pieces_wait_for_new_workers_and_one_that_kills_its_workers_is_given_up(cluster, permits, monkeypatch):
    """The only worker dies while the other pieces wait for permits; new ones come when their want is said."""
    said = []

    def say(line, **_):
        said.append(line)
        permits.open()
        cluster.join().join()

    monkeypatch.setattr(backend, "DESERTED", 0.1)
    monkeypatch.setattr(backend, "print", say, raising=False)
    cluster.join()
    with backend.connect(backend.Where(scheduler=cluster.address)) as each:
        permits.give(1)
        arriving = each(take, [(permits.folder,)] * 8, "threads")
        seen = [next(arriving)[0]]
        cluster.workers[0].kill()
        seen += [i for i, _ in arriving]
        assert sorted(seen) == list(range(8))
        assert len(said) == 1 and "no workers left; waiting" in said[0]
        with pytest.raises(backend.ClusterError, match="workers that died, perhaps for want of memory"):
            list(each(os._exit, [(1,)], "threads"))


class Slow:
    """A client that does not get rid of its scheduler in time."""

    def close(self, timeout):
        raise TimeoutError(f"timed out after {timeout} s.")


def test_a_slow_farewell_does_not_hide_how_the_work_ended(monkeypatch):
    monkeypatch.setattr(backend, "_client", lambda scheduler: Slow())
    monkeypatch.setattr(backend, "_examine", lambda client, scheduler: None)
    place = backend.Where(scheduler="127.0.0.1:1")
    with backend.connect(place):
        pass
    with pytest.raises(KeyboardInterrupt), backend.connect(place):
        raise KeyboardInterrupt


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(backend.ClusterError, match=r"pip install .budgeted-stackelberg\[cluster\]."),
        backend.connect(backend.Where(scheduler="127.0.0.1:1")),
    ):
        pass


def test_dask_is_not_loaded_unless_asked_for():
    code = "import sys, paper_repro.pipeline; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert not {"dask", "distributed"} & set(loaded.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ray", None), "unknown backend 'ray'; valid: local, dask"),
        (("dask", None), "--backend dask needs --scheduler ADDRESS"),
        (("local", "127.0.0.1:1"), "add --backend dask"),
    ],
)
def test_contradicting_options_are_explained(words, message):
    with pytest.raises(ValueError, match=message):
        backend.where(*words, jobs=1)


def test_identity_names_versions_that_are_there():
    mine = backend.identity()
    assert "not installed" not in mine.values()
    assert backend.differences(mine) == ""
    assert backend.differences(mine | {"numba": "0.1"}).startswith("numba 0.1 there")


def test_shards_in_any_order_fill_the_cache_and_nothing_is_played_twice(compiled, tmp_path, monkeypatch):
    made, here = plan.make("smoke", ("peek", "worst_found")), backend.Where()
    for number in (3, 1, 2):
        said = pipeline.prefill(made, tmp_path / "shards", here, Shard(number, 3))
        assert said.startswith(f"shard {number}/3: ")
    assert not list(tmp_path.rglob("tables"))
    pipeline.simulate(made, tmp_path / "whole", here)
    before = finished(tmp_path / "shards")

    def each(function, work, here):
        assert not work
        return ()

    monkeypatch.setattr(backend, "connect", lambda place: contextlib.nullcontext(each))
    pipeline.simulate(made, tmp_path / "shards", here)
    assert finished(tmp_path / "shards") == before
    assert content(tmp_path / "shards") == content(tmp_path / "whole")


def block(language, number=0):
    """A fenced block of the page on clusters."""
    text = (ROOT / "docs" / "scale_out.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[number]


def changed(text, *changes):
    """The text with each old part, which must be there, replaced."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.skipif(find_spec("dask_jobqueue") is None, reason="extra cluster is not installed")
def test_the_documented_slurm_script_plays_on_the_jobs_that_it_submits(tmp_path):
    """With a stand-in for Slurm: ``sbatch`` starts the job script here, ``scancel`` ends it."""
    commands = tmp_path / "commands"
    commands.mkdir()
    job = f'cp "$1" {tmp_path}/job.sh; setsid bash {tmp_path}/job.sh >{tmp_path}/log 2>&1 &'
    (commands / "sbatch").write_text(f'#!/bin/bash\n{job}\necho "Submitted batch job $!"\n')
    (commands / "scancel").write_text('#!/bin/bash\nkill -- "-$1"\n')
    for file in commands.iterdir():
        file.chmod(0o755)
    script = tmp_path / "slurm.py"
    sizes = [("cores=8", "cores=1"), ("processes=8", "processes=1"), ("16GB", "4GB"), ("jobs=4", "jobs=1")]
    script.write_text(
        changed(block("python"), *sizes, ('"dashboard": False', '"dashboard": False, "host": "127.0.0.1"'))
    )
    done = call(str(script), *sweep("controls", out=tmp_path / "out")[1:], PATH=f"{commands}:{os.environ['PATH']}")
    assert done.returncode == 0, done.err
    for line in ("#SBATCH -p normal", "#SBATCH --cpus-per-task=1", "#SBATCH -t 04:00:00", "export OMP_NUM_THREADS=1"):
        assert line in done.out
    assert re.search(r"dask_worker tcp://127.0.0.1:\d+ .*--nthreads 1 ", done.out)
    assert "4/4 configurations" in done.out
    assert len(pd.read_parquet(tmp_path / "out" / "tables" / "controls.parquet"))


def test_the_documented_slurm_array_fills_the_cache(tmp_path):
    script = changed(
        block("bash", 2), ("--tier paper", "--tier smoke --only controls"), ("results/paper", str(tmp_path))
    )
    environment = dict(PYTHONPATH=str(ROOT), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    array = dict(SLURM_ARRAY_TASK_ID="2", SLURM_ARRAY_TASK_COUNT="3")
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=os.environ | environment | array, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "shard 2/3: 1 configurations and 0 cells" in done.stdout
    assert len(finished(tmp_path)) == 1 and not (tmp_path / "tables").exists()


@given(st.lists(st.integers(), max_size=40), st.integers(1, 12))
def test_property_shards_are_a_partition_of_even_sizes(items, n):
    parts = [part(items, Shard(i + 1, n)) for i in range(n)]
    assert sorted(x for p in parts for x in p) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "3", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3", "1.0/2"])
def test_a_shard_is_i_of_n(text):
    with pytest.raises(ValueError, match="give i/n with 1 <= i <= n"):
        parse(text)
    assert parse("2/8") == Shard(2, 8)


def test_threads_of_one_worker_play_cells_one_at_a_time():
    inside, most = [], []

    def play(cell):
        inside.append(cell)
        most.append(len(inside))
        time.sleep(0.02)
        inside.remove(cell)
        return pd.DataFrame(dict(cell=[cell]))

    study = Study("alone", lambda tier: (), play)
    threads = [threading.Thread(target=cells.play, args=(study, dict(cell=i))) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 4
