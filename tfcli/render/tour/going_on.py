"""The mask, dropout and weight decay, and commands to go on with."""

from __future__ import annotations

from tfcli.records.tour import TourRecord, find_stage, numbers_of
from tfcli.render.tour.sheet import Sheet, two_decimals
from tfcli.texts import Language

RUN = {"en": "tfcli train tour", "zh": "tfcli train tour task.name=collocation-zh"}


def show_going_on(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show masked weights, what came of few sentences, and what to try."""
    sheet.add_title(words.say("5/5 Using it: mask, dropout, weight decay, and on"))
    sheet.add(
        words.say(
            "A mask sets scores to -inf before softmax, so that their weights are 0. If no word may see "
            "those that come later, '{word}' has:",
            word=record.word,
        )
    )
    masked = numbers_of(find_stage(record.masked, "attention weights"), record.query)
    sheet.add_table(record.words, [(record.word, two_decimals(masked))])
    add_finite(record, words, sheet)
    sheet.add_gap()
    add_commands(record, words, sheet)


def add_finite(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Add what came of training on few sentences, without and with dropout and weight decay."""
    without, regularized = record.finite
    sheet.add(
        words.say(
            "From {count} sentences alone a model learns by heart. Dropout sets some numbers to 0 at random, "
            "weight decay shrinks weights; both work against that. Loss in training and on unseen sentences, "
            "and how many of these are right:",
            count=without.sequences,
        )
    )
    names = (
        words.say("without"),
        words.say(
            "dropout {dropout}, decay {decay}", dropout=regularized.dropout, decay=regularized.weight_decay
        ),
    )
    rows = [
        (name, two_decimals([found.loss, found.held_out_loss, found.exact_match]))
        for name, found in zip(names, record.finite, strict=True)
    ]
    sheet.add_table([words.say("training"), words.say("unseen"), words.say("right")], rows)


def add_commands(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Add commands to go on with."""
    sheet.add(words.say("Nothing was saved. To go on:"))
    for command, what in (
        (RUN[record.language], words.say("this model, as a run")),
        (f'tfcli trace tour "{" ".join(record.words)}"', words.say("its forward pass, all numbers")),
        ("tfcli train shared", words.say("the simplified class")),
        ("tfcli train overfit", words.say("few data; then overfit-dropout")),
        ("tfcli train sort --from RUN", words.say("fine-tuning another run")),
        ("tfcli import FOLDER", words.say("a pretrained BERT or GPT-2")),
    ):
        sheet.add_formula(f"{command}  # {what}")
