"""How often is "nothing looks like that" said of what is not there, and of what is?

Questions for pictures of Flickr8k's validation split, in galleries of 20, 100 and all of them:
their own captions, short phrases for what many of them show, and things that none shows.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mmsearch
from benchmarks.captioned import DATA, Captioned, read_split
from benchmarks.record import Row, record

GALLERIES = (20, 100)
"""Sizes of the inner folders; the outermost holds all pictures."""

PRESENT = (
    "a dog, two dogs, a black dog, a brown dog running, a white dog, a boy, a girl, a man, a woman,"
    "children, a crowd, people, a man in a red shirt, a woman in a black dress, a baby, snow,"
    "a beach, water, a swimming pool, a bicycle, a motorcycle, a skateboard, a snowboarder,"
    "a skier, a surfer, a football player, a basketball game, a soccer ball, a tennis racket,"
    "a forest, a mountain, rock climbing, a climber, a river, a lake, a boat, the ocean, a sunset,"
    "a city street, a bench, a swing, a slide, a playground, a tent, a horse, a bird, a frisbee,"
    "a dog with a stick, a dog jumping, a race, a car, a guitar, a hat, sunglasses, a costume,"
    "a man with a beard, someone sleeping, a jump, a ramp, a fountain, a cliff, sand, a wave,"
    "a kayak, a trampoline, a camera, a helmet, a baseball player, a football team,"
    "a person on a mountain top, a couple, an old man, a blue jacket, a pink dress, a red ball,"
    "a bmx rider, a wet dog, a musician"
)
ABSENT = (
    "a screenshot of source code, a page of sheet music, an x-ray of a hand, a circuit board,"
    "a bar chart of sales, a map of europe, a spiral galaxy, the surface of the moon,"
    "a bacterium under a microscope, a plate of sushi, a bowl of tomato soup, a wedding cake,"
    "a glass of red wine, a cup of espresso on a saucer, a slice of cheesecake, a jar of pickles,"
    "a loaf of sourdough bread, a kitchen sink full of dishes, an empty office with cubicles,"
    "a laptop keyboard, a smartphone screen, a receipt from a supermarket, a handwritten letter,"
    "a passport, a crossword puzzle, a stack of banknotes, a wrist watch, a perfume bottle,"
    "a lipstick, a leather handbag, a grand piano, a violin in its case, a church organ,"
    "a stained glass window, a marble statue, an oil painting of a lady, an egyptian pyramid,"
    "a medieval castle, the eiffel tower at night, a lighthouse in a storm, a volcano erupting,"
    "a coral reef with fish, a jellyfish, a whale, a penguin colony, a polar bear on ice,"
    "an elephant herd, a giraffe, a lion resting, a tiger, a gorilla, a kangaroo,"
    "a spider in its web, a butterfly on a flower, a bee on a sunflower, a vase of tulips,"
    "a cactus, a bonsai tree, a passenger airplane at the gate, a helicopter,"
    "a space shuttle launch, a submarine, a container ship, a steam locomotive, a subway train,"
    "a fire engine, a tractor ploughing a field, an excavator, a wind turbine,"
    "a solar panel roof, a nuclear power plant, an oil rig, a factory assembly line,"
    "a dentist's chair, a surgeon operating, a pregnancy ultrasound, a newborn baby in hospital,"
    "a courtroom, a parliament session, a chess board, a deck of cards, a roulette table,"
    "a game of billiards, a sumo wrestler, a ballet dancer on stage, an orchestra,"
    "a fashion runway, a nativity scene, a jack-o'-lantern, a bathtub, a toilet, a bunk bed,"
    "a fireplace, a spiral staircase, an elevator, a vacuum cleaner, a washing machine,"
    "a toaster, a blood cell, a barcode, a company logo, a tax form, a floor plan, a weather map"
)


def main() -> None:
    """Index the pictures, ask, and count the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 pictures")
    parser.add_argument(
        "--data", type=Path, default=DATA / "flickr8k", help="Flickr8k: JSON and images/"
    )
    options = parser.parse_args()
    limit = 200 if options.quick else None
    pictures = read_split(options.data / "dataset_flickr8k.json", "val", limit)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folders = link_pictures(pictures, Path(temporary))
        with mmsearch.open(home=Path(temporary) / "home") as library:
            library.index(folders[0])
            for folder in folders:
                rows += verdicts(library, folder, pictures)
    parameters: dict[str, object] = {"n": len(pictures), "split": "val", "seed": None}
    record("relevance", str(__doc__).split("\n", maxsplit=1)[0], parameters, rows)


def link_pictures(pictures: Sequence[Captioned], work: Path) -> list[Path]:
    """Folders inside each other, the outermost first, with links to the pictures."""
    folders = [work / "all", work / "all" / "100", work / "all" / "100" / "20"]
    folders[-1].mkdir(parents=True)
    for number, picture in enumerate(pictures):
        depth = sum(number < size for size in GALLERIES)
        (folders[depth] / picture.path.name).symlink_to(picture.path)
    return folders


def verdicts(library: mmsearch.Library, folder: Path, pictures: Sequence[Captioned]) -> list[Row]:
    """Shares of questions that are told "nothing looks like that", in percent."""
    there = [picture for picture in pictures if any(folder.rglob(picture.path.name))]
    own = [caption for picture in there for caption in picture.captions]
    kinds = {
        "captions of pictures there": own,
        "short phrases, mostly there": [phrase.strip() for phrase in PRESENT.split(",")],
        "things that are not there": [phrase.strip() for phrase in ABSENT.split(",")],
    }
    rows: list[Row] = []
    for kind, texts in kinds.items():
        answers = [
            library.answer(mmsearch.QueryRequest.of(text, {"under": folder, "k": 1}))
            for text in texts
        ]
        denied = sum(answer.matches is False for answer in answers)
        size = answers[0].n_candidates
        rows.append(Row(f"{size} pictures: {kind}", 100 * denied / len(texts), "% denied"))
    return rows


if __name__ == "__main__":
    main()
