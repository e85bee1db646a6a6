"""Packed rows: what every place is, which places it sees, and a row that keeps some of its answers."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from llm.generative import packed

CPU = torch.device("cpu")
tokens = st.lists(st.integers(0, 90), min_size=1, max_size=6)
answers = st.lists(tokens, max_size=4)
rows = st.lists(st.tuples(tokens, answers), min_size=1, max_size=4)


@given(prompt=tokens, own=answers)
def test_every_place_of_a_row_from_its_definition(prompt, own):
    row = packed.pack(prompt, own)
    n, ids, places, segments, lessons = len(prompt), list(prompt), list(range(len(prompt))), [0] * len(prompt), []
    for k, answer in enumerate(own):
        for j, token in enumerate(answer):
            before = n - 1 if j == 0 else len(ids) - 1  # the last place of the prompt, or of the answer so far
            lessons.append((before, token, k))
            ids.append(token)
            places.append(n + j)
            segments.append(k + 1)
    assert (row.ids.tolist(), row.position.tolist(), row.segment.tolist()) == (ids, places, segments)
    assert list(zip(row.source.tolist(), row.target.tolist(), row.owner.tolist(), strict=True)) == lessons
    assert len(own) == row.K


@given(many=rows)
def test_a_place_sees_its_prompt_and_its_own_past_and_padding_is_apart(many):
    whole = [packed.pack(*one) for one in many]
    batch = packed.collate(whole, CPU)
    n = max(len(row.ids) for row in whole)
    assert batch.mask.shape == (len(whole), 1, n, n) and batch.mask.dtype == torch.bool
    for b, row in enumerate(whole):
        m = len(row.ids)
        for i in range(n):
            for j in range(n):
                if i >= m or j >= m:
                    seen = m <= j <= i  # padding sees padding, and nothing else does
                else:
                    seen = j <= i and row.segment[j] in (0, row.segment[i])
                assert bool(batch.mask[b, 0, i, j]) == seen, (b, i, j)
        assert batch.ids[b, :m].tolist() == row.ids.tolist()
        assert batch.position[b, :m].tolist() == row.position.tolist()


@given(prompt=tokens, own=st.lists(tokens, min_size=1, max_size=4), data=st.data())
def test_keeping_answers_is_packing_them(prompt, own, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(own))), unique=True))
    whole = packed.pack(prompt, own)
    kept, places = packed.keep(whole, chosen)
    again = packed.pack(prompt, [own[k] for k in chosen])
    for name in packed.Packed._fields:
        np.testing.assert_array_equal(getattr(kept, name), getattr(again, name), err_msg=name)
    np.testing.assert_array_equal(whole.ids[places], kept.ids)
    np.testing.assert_array_equal(whole.position[places], kept.position)


@given(many=rows, room=st.integers(1, 40))
def test_batches_hold_every_row_once_and_no_more_places_than_allowed(many, room):
    whole = [packed.pack(*one) for one in many]
    parts = [part.tolist() for part in packed.batches(whole, room)]
    assert sorted(i for part in parts for i in part) == list(range(len(whole)))
    for part in parts:
        assert len(part) == 1 or len(part) * max(len(whole[i].ids) for i in part) <= room
