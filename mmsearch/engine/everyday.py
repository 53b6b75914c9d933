"""Everyday things, from everywhere in life: what a picture is compared with to judge a question."""

EVERYDAY = tuple(
    phrase.strip()
    for line in (
        "a person, a group of people, a child playing, an old man, a woman smiling",
        "a crowd in the street, a portrait, a family at a table, a couple on a bench",
        "a worker with a helmet, a dog, a cat, a horse, a bird on a branch, a cow in a meadow",
        "a fish, an insect, a wild animal, a pet indoors, sheep on a hill",
        "a car, a truck on a road, a bicycle, a motorcycle, a train at a station",
        "an airplane in the sky, a boat on a lake, a ship at sea, a bus in a city, a bridge",
        "a house, a tall building, a church, a street at night, a living room, a kitchen",
        "a bedroom, a bathroom, a shop window, an office",
        "a mountain, a beach, a forest, a river, a waterfall, a snowy landscape, a sunset",
        "a cloudy sky, a field of flowers, a garden, a tree, a flower, a leaf, grass",
        "fruit in a bowl, vegetables, bread, a cake, a cup of tea, a plate of food",
        "a football match, a tennis player, a swimmer, a skier, a runner, a dancer",
        "a musician with a guitar, a concert, a parade, a wedding",
        "a book, a newspaper, a sign with words, a document, a drawing, a painting, a map",
        "a chart, a screenshot, a logo, a telephone, a computer, a television, a camera",
        "a clock, a lamp, a chair, a table, a bottle, a box",
        "a shirt, a dress, shoes, a hat, glasses, a bag, jewellery, a toy, a ball, a tool",
        "water, fire, smoke, ice, sand, stone, metal, wood, glass, paper",
        "stars at night, the moon, a planet, a cell under a microscope, a medical scan",
        "a machine, a statue, a fountain, a market, a festival",
    )
    for phrase in line.split(",")
)
