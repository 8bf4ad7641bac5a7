"""Scores, softmax, weights that sum to 1, and the weighted sum written out."""

from __future__ import annotations

from math import exp

from tfcli.records.tour import TourRecord
from tfcli.render.tour.sheet import Sheet
from tfcli.texts import Language


def show_scores(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Go from the scores of one query to the output of its head."""
    scores, weights = record.row("scores"), record.row("attention weights")
    d_head = record.stage("queries").shape[1]
    sheet.add_title(words.say("2/5 Scores, softmax, weights, weighted sum"))
    sheet.add(
        words.say(
            "How well does each word fit '{word}'? Its score is the product of the query of '{word}' with "
            "the word's key, over sqrt({d_head}). Softmax turns scores into weights: exp(score) over the sum "
            "of all exp(score). They are positive and sum to 1. In head {head}:",
            word=record.word,
            d_head=d_head,
            head=record.heads[0],
        )
    )
    powers = [exp(score) for score in scores]
    rows = [
        (word, [f"{score:.2f}", f"{power:.2f}", f"{weight:.2f}"])
        for word, score, power, weight in zip(record.words, scores, powers, weights, strict=True)
    ]
    rows.append((words.say("sum"), ["", f"{sum(powers):.2f}", f"{sum(weights):.2f}"]))
    sheet.add_table([words.say("scores"), "exp(score)", words.say("weight")], rows)
    sheet.add(words.say("What '{word}' takes along is the weighted sum of all values:", word=record.word))
    terms = [f"{weight:.2f}{sheet.dot}v({word})" for weight, word in zip(weights, record.words, strict=True)]
    sheet.add_formula("z = " + " + ".join(terms))
    vectors = [(f"v({word})", record.row("values", at=at)) for at, word in enumerate(record.words)]
    sheet.add_vectors([*vectors, ("z", record.row("weighted sum"))])
    sheet.ask(
        words.say("Question: add 10 to each of these scores. What becomes of the weights?"),
        words.say(
            "Answer: nothing. exp(score + 10) is exp(10) times exp(score), in each weight and in the sum "
            "that it is divided by."
        ),
    )
