"""Every table, verdict, figure and report from one command.

plan        tier and selection -> the configurations to play, with cost and what is cached
store       results by configuration and code version: atomic, checksummed, resumable
pipeline    play what is missing -> tables -> verdicts -> figures -> report
progress    a bar with time left on a terminal, plain lines elsewhere
provenance  versions, commit, machine, seconds
report      HTML and Markdown from tables and figures
reference   comparison with the committed reference results
falsify     the search for worst instances, with the real engine
doctor      what this machine has, and whether it can run
cli         the command line
"""
