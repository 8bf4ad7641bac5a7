"""Query, key and value; heads that differ, side by side and projected."""

from __future__ import annotations

from tfcli.records.tour import TourRecord
from tfcli.render.tour.sheet import Sheet, two_decimals
from tfcli.texts import Language


def show_heads(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show where queries, keys and values come from, and what several heads make of them."""
    d_head, d_model = record.stage("queries").shape[1], record.stage("embedding").shape[1]
    sheet.add_title(words.say("3/5 Query, key, value, and several heads"))
    add_product(record, words, sheet, d_head)
    add_heads(record, words, sheet, d_model)
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


def add_product(record: TourRecord, words: Language, sheet: Sheet, d_head: int) -> None:
    """Add the query, the key and the value of the words, and how the score is made of them."""
    query, score = record.row("queries"), record.row("scores")[record.key]
    key, value = (record.row(name, at=record.key) for name in ("keys", "values"))
    sheet.add(
        words.say(
            "Each word's vector x is multiplied by three learned matrices. The query is what the word looks "
            "for, the key what it is found by, the value what it hands on. In head {head}, with q = x W_q + "
            "b_q, and k and v alike:",
            head=record.heads[0],
        )
    )
    sheet.add_vectors(
        [(f"q({record.word})", query), (f"k({record.found})", key), (f"v({record.found})", value)]
    )
    product = f"{sum(a * b for a, b in zip(query, key, strict=True)):.2f}"
    sheet.add_formula(
        f"q{sheet.dot}k = ({query[0]:.2f})({key[0]:.2f}) + ({query[1]:.2f})({key[1]:.2f}) + ... = {product}; "
        f"{product} / sqrt({d_head}) = {score:.2f}"
    )


def add_heads(record: TourRecord, words: Language, sheet: Sheet, d_model: int) -> None:
    """Add the weights of each head, and what becomes of their outputs."""
    sheet.add(
        words.say(
            "Each head has matrices of its own, so heads differ. The weights of '{word}':", word=record.word
        )
    )
    rows = [
        (words.say("head {number}", number=head), two_decimals(record.row("attention weights", which)))
        for which, head in sorted(enumerate(record.heads), key=lambda entry: entry[1])
    ]
    sheet.add_table(record.words, rows)
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
