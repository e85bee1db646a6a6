"""Every table, verdict, figure and report from one command.

catalogue   every table beyond the sweeps: studies and derived tables
plan        tier and selection -> the configurations to play, with cost and what is cached
store       results by configuration and code version: atomic, checksummed, resumable
cells       studies cell by cell: played in processes, kept, resumed;  studies: those with the engine
pipeline    play what is missing -> tables -> verdicts -> figures -> report
drawing     figures by name -> PNG and PDF files
progress    a bar with time left on a terminal, plain lines elsewhere
provenance  versions, commit, machine, seconds
report      HTML and Markdown from tables and figures
reference   comparison with the committed reference results; tables measured once and shipped
llm_command the study of a language model, judged and drawn;  dry: what a plan would cost
falsify     the search for worst instances, with the real engine
doctor      what this machine has, and whether it can run
cli         the command line
"""
