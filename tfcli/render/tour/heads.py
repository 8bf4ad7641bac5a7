"""Query, key and value; heads that differ, side by side and projected."""

from __future__ import annotations

from tfcli.records.tour import TourRecord
from tfcli.render.tour.sheet import Sheet, two_decimals
from tfcli.texts import Language


def show_heads(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Where queries, keys and values come from, and what several heads make of them."""
    query, score = record.row("queries"), record.row("scores")[record.key]
    key, value = (record.row(name, at=record.key) for name in ("keys", "values"))
    d_head, d_model = record.stage("queries").shape[1], record.stage("embedding").shape[1]
    sheet.add_title(words.say("3/5 Query, key, value, and several heads"))
    sheet.add(
        words.say(
            "Each word's vector x is multiplied by three learned matrices. The query is what the word looks "
            "for, the key what it is found by, the value what it hands on. In head {head}, with q = x W_q + "
            "b_q, and k and v alike:",
            head=record.heads[0],
        )
    )
    sheet.add_vectors(
        [
            (f"q({record.word})", query),
            (f"k({record.found})", key),
            (f"v({record.found})", value),
        ]
    )
    product = sum(a * b for a, b in zip(query, key, strict=True))
    sheet.add_formula(
        f"q{sheet.dot}k = ({query[0]:.2f})({key[0]:.2f}) + ({query[1]:.2f})({key[1]:.2f}) + ... = "
        f"{product:.2f}; {product:.2f} / sqrt({d_head}) = {score:.2f}"
    )
    sheet.add(
        words.say(
            "Each head has matrices of its own, so heads differ. The weights of '{word}':", word=record.word
        )
    )
    order = sorted(range(len(record.heads)), key=lambda which: record.heads[which])
    sheet.add_table(
        record.words,
        [
            (
                words.say("head {number}", number=record.heads[which]),
                two_decimals(record.row("attention weights", which)),
            )
            for which in order
        ],
    )
    sheet.add(
        words.say(
            "The outputs z of all heads are concatenated to {d_model} numbers, and one matrix, the "
            "projection W_o, mixes them:",
            d_model=d_model,
        )
    )
    names = " ".join(f"z_{number}" for number in sorted(record.heads))
    sheet.add_vectors(
        [
            (f"c = [{names}]", record.row("concatenated heads")),
            ("c W_o + b_o", record.row("projection")),
        ]
    )
    sheet.ask(
        words.say(
            "Question: {count} heads of {d_head} channels each. Why not of {d_model} each?",
            count=len(record.heads),
            d_head=d_head,
            d_model=d_model,
        ),
        words.say(
            "Answer: side by side they have {d_model} numbers again, as many as x, so that both can be "
            "added; and together they take no more work than one head of {d_model}.",
            d_model=d_model,
        ),
    )
