"""Every table, verdict, figure and report from one command.

catalogue   every table beyond the sweeps: studies and derived tables
plan        tier and selection -> the jobs to play, the claims to judge, the figures to draw; what they cost
jobs        a table's parts: cached, or else played and kept with a checksum; shards of a plan
runs cells  the jobs of sweeps, played by the engine, and those of studies
studies/    the studies that need the engine and the oracles together
backend     where jobs are played: threads and processes here, or a Dask cluster
pipeline    play what is missing -> tables -> verdicts -> figures -> report
drawing     figures by name -> PNG and PDF files
progress    a bar with time left on a terminal, plain lines elsewhere
provenance  versions, commit, machine, seconds
version     the digest of the sources behind the studies
report      HTML and Markdown from tables and figures
reference   comparison with the committed reference results; tables measured once and shipped
llm_command the study of a language model, judged and drawn;  custom: one run from a TOML file
falsify     the search for worst instances, with the real engine
preflight/  is a gate, follower or learner of one's own fit for a full run?  new: writes its template
listing     the ids that commands take;  doctor: what this machine has, and whether it can run
cli         the command line
"""
