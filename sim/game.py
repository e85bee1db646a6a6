"""A run, once: ``loop`` plays this text as it stands, ``kernels`` compiles the first two.

The runs are closures over their parts, because Numba compiles functions that it finds in a closure
into the run and can keep the result on disk.  They neither check nor raise: they fill ``rows`` and
return a status code (``codes``).
"""

import numpy as np

from sim.rules import draws, followers, gates, leader, learners, log, rounds


def game(parts, status, watch=None):
    """The run of a simulated game with these rules (``rounds.Parts``).

    ``status(g, s, tally)`` gives the code that the run ends with.  ``watch(t, view, work, bought)`` sees
    every decided round before its label (the plain run only).
    """
    decide, settle, choose, respond = parts

    def play_game(g, process, keys, theta_star, record, schedule, latencies, rows):
        """record (R,) ascending 1-based rounds; schedule (T,) or (0,) the offline reference's plan;
        latencies (T,) or (0,) receives the gate's latency of every round; rows (R, log.WIDTH)."""
        s, p, w = learners.start(g.d, 1, g.lam), gates.open_purse(g), rounds.workspace(g)
        tally = log.blank(learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out))
        r = 0
        for t in range(g.T):
            scheduled = schedule[t] if schedule.shape[0] > 0 else 0
            alpha = learners.radius(g, s.psi)
            gold = rounds.present(g, process, keys, t, s, p, alpha, theta_star, scheduled, w, decide, choose, respond)
            v, x = rounds.meet(g, keys, t, s, alpha, scheduled, w)
            regret = w.payoffs[gold] - w.payoffs[v.pick]
            bought, reason, threshold = decide(g, p, x)
            ratio = tally.conf_ratio
            if watch is not None:
                watch(t, v, w, bought)
            if bought:
                s = rounds.buy(g, s, v, keys, t, w)
                ratio = learners.confidence_ratio(s, theta_star, learners.radius(g, s.psi), w.z, w.out)
            p = settle(g, p, x, reason, s.psi)
            tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, ratio)
            if latencies.shape[0] > 0:
                latencies[t] = x.latency
            if t + 1 == record[r]:
                log.write(rows[r], t, tally, s, alpha, np.nan)
                r += 1
        return status(g, s, tally)

    return play_game


def recorded(rule, state, predict, learn, evaluate, status):
    """The run of a recorded stream with this gate (``gates.Rule``) and this learner.

    ``state(s)`` is what the learner knows now (psi, potential, wide), ``predict(s, x, room, out)`` gives the
    class scores (K,), perhaps in ``room``, and ||x||_P^2, ``learn(g, s, x, one_hot, out)`` returns the
    state after a label, and ``evaluate(s, X, y)`` the held-out accuracy at a recorded round.
    """
    decide, settle = rule

    def play_recorded(g, s, X, y, X_test, y_test, keys, record, schedule, latencies, out, rows):
        """s the learner's state before any label; X (T, m) rows with labels y (T,) coded 0..K-1; out (m,) a
        buffer; the others as in a game.  A mistake costs regret 1; there is no theta*, so no confidence ratio."""
        p, room, one_hot = gates.open_purse(g), np.zeros(g.N), np.zeros(g.N)
        tally = log.blank(np.nan)
        r = 0
        for t in range(g.T):
            s = state(s)
            alpha = learners.radius(g, s.psi)
            scheduled = schedule[t] if schedule.shape[0] > 0 else 0
            scores, w2 = predict(s, X[t], room, out)
            v, x, regret = rounds.meet_class(g, keys, t, alpha, scores, w2, y[t], scheduled)
            bought, reason, threshold = decide(g, p, x)
            if bought:
                for k in range(g.N):
                    one_hot[k] = 1.0 if k == y[t] else 0.0
                s = learn(g, s, X[t], one_hot, out)
            s = state(s)
            p = settle(g, p, x, reason, s.psi)
            tally = log.advance(tally, v, x, regret, bought, reason, threshold, alpha, np.nan)
            if latencies.shape[0] > 0:
                latencies[t] = x.latency
            if t + 1 == record[r]:
                log.write(rows[r], t, tally, s, alpha, evaluate(s, X_test, y_test))
                r += 1
        return status(g, s, tally)

    return play_recorded


def pools(rule, choose, state, score, widths, learn, evaluate, status):
    """The run of recorded pools (a prompt with N candidate answers) with this gate, follower and learner.

    ``state(s)`` is what the learner knows now, ``score(s, t)`` its estimated payoffs (N,) of round t,
    ``widths(s, t, pick, shown)`` the square widths (M + 1,) of the shown answers against the pick,
    ``learn(s, t, view, shown, gold)`` returns the state after a label, ``evaluate(s)`` the held-out accuracy.
    """
    decide, settle = rule

    def play_pools(g, s, gold, keys, record, schedule, rows):
        """gold (T,) places of the gold answers; the others as in a game.  A mistake costs regret 1; the leader is
        greedy, and a tie goes to the lowest index."""
        p, shown = gates.open_purse(g), np.zeros(g.M + 1, dtype=np.int64)
        luck, payoffs = np.zeros(g.N), np.zeros(g.N)
        tally = log.blank(np.nan)
        r = 0
        for t in range(g.T):
            s = state(s)
            alpha = learners.radius(g, s.psi)
            scores = score(s, t)
            payoffs[:] = 0.0
            payoffs[gold[t]] = 1.0
            if g.follower == followers.IID:
                draws.fill_uniform(keys[draws.FOLLOWER], t * g.N, luck)
            choose(g, scores, payoffs, gold[t], luck, shown)
            pick = shown[np.argmax(scores[shown])]
            v = leader.assess_pool(scores, widths(s, t, pick, shown), shown, pick, alpha)
            scheduled = schedule[t] if schedule.shape[0] > 0 else 0
            surprise = rounds.surprise_of_class(g, pick, gold[t])
            x = gates.signal(g, v, t, v.width * v.width, gates.coin(g, keys, t), scheduled, surprise)
            bought, reason, threshold = decide(g, p, x)
            if bought:
                s = learn(s, t, v, shown, gold[t])
            s = state(s)
            p = settle(g, p, x, reason, s.psi)
            tally = log.advance(tally, v, x, float(pick != gold[t]), bought, reason, threshold, alpha, np.nan)
            if t + 1 == record[r]:
                log.write(rows[r], t, tally, s, alpha, evaluate(s))
                r += 1
        return status(g, s, tally)

    return play_pools
