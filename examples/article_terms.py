"""Technical terms in one labelled article: BIO classes, 5-fold validation over its sentences, exact-match span F1.

    python examples/article_terms.py ARTICLE

ARTICLE has a token, a tab and a class on each line, and sentences between <s> and </s>.
"""

import argparse

from sklearn.model_selection import KFold

from keepgate import Tagger
from keepgate.data.text.sentences import Sentences
from keepgate.tasks import face, face_class
from keepgate.tasks.tag.scores import span_scores, token_scores

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("article", metavar="ARTICLE")
parser.add_argument("--crf", action=argparse.BooleanOptionalAction, default=Tagger.crf)
options = parser.parse_args()
article = face_class("tag").read(options.article)
print(f"{len(article)} sentences, {len({tag for row in article.tags for tag in row})} classes")


def part(rows):
    """Some of the sentences."""
    return Sentences([article.tokens[i] for i in rows], [article.tags[i] for i in rows])


truth, guesses = [], {}
for train, test in KFold(5, shuffle=True, random_state=0).split(article.tokens):
    tagger = Tagger(hidden_size=64, epochs=40, batch_size=4, least_count=1, crf=options.crf).fit(part(train))
    values, tags = part(test).tokens, part(test).tags
    truth += tags
    for name, guess in face(tagger).guesses(values, tagger.predict(values)).items():
        guesses.setdefault(name, []).extend(guess)
for name, guess in guesses.items():
    row, accuracy = span_scores(truth, guess)[""], token_scores(truth, guess)[""]["F1"]
    shares = ", ".join(f"{key} {row[key]:.3f}" for key in ("precision", "recall"))
    print(f"{name}: span F1 {row['F1']:.3f} ({shares}), accuracy {accuracy:.3f}")
