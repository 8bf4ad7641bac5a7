"""The simplified class of many tutorials, with its projections and without them."""

from __future__ import annotations

from tfcli.records.tour import TourRecord
from tfcli.render.tour.sheet import Sheet
from tfcli.texts import Language

CODE = """class SelfAttention:  # embed_size, heads
    q, k, v = W_q(x_head), W_k(x_head), W_v(x_head)
    scores = q @ k.T / sqrt(embed_size)
    weights = softmax(scores, masked: -inf)
    return W_o(concatenate(weights @ v))"""


def show_simplified(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show what the class does, and what is lost where its projections are never applied."""
    sheet.add_title(words.say("5/5 Using it: the class of many tutorials"))
    sheet.add(
        words.say(
            "Many tutorials write a simplified class. The vector x is cut into a slice for each head first, "
            "and all heads share three small matrices; scores are over sqrt(embed_size), here "
            "sqrt({d_model}):",
            d_model=record.stage("embedding").shape[1],
        )
    )
    for line in CODE.split("\n"):
        sheet.add_formula(line)
    applied, never = record.simplified
    sheet.add(
        words.say(
            "A version that was copied widely defines W_q, W_k and W_v and never applies them: q, k and v "
            "are the slices themselves. Both were trained for {steps} steps here. Right answers, and scores "
            "of head {head} from '{word}' to '{found}' and back:",
            steps=never.steps,
            head=record.heads[0],
            word=record.word,
            found=record.found,
        )
    )
    rows = [
        (
            name,
            [
                f"{found.exact_match:.3f}",
                f"{found.scores[record.query][record.key]:.2f}",
                f"{found.scores[record.key][record.query]:.2f}",
            ],
        )
        for name, found in ((words.say("applied"), applied), (words.say("never applied"), never))
    ]
    sheet.add_table([words.say("right"), words.say("there"), words.say("back")], rows)
    sheet.ask(
        words.say("Question: why are the two scores the same where nothing is applied?"),
        words.say(
            "Answer: there the query of a word is its key, and x{dot}y is y{dot}x. W_q and W_k let one word "
            "look for another that need not look back.",
            dot=sheet.dot,
        ),
    )
