"""Programs that are solved to a certificate (cvxpy), against which closed forms are checked.

certificate  residuals and gap of every solver's answer
replies      optimism, best responses, evasion;  games: commitments;  allocation: labels in hindsight
fit          best fixed scorer, smallest constants, flows
preference, preference_space   the preference game on margins and on feature space
"""
