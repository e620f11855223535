"""What the page of rated faces says is what was counted."""

from support.committed import data, rows, text

PAGE = "results/mochabench.md"
PLACES = {"mouth_audio_corr": 2, "lip_dynamics": 3, "brow_dynamics": 4, "head_dynamics": 1}
JUDGES = {
    "its model's mean rating": "model",
    "GPT-4o, of the same clips": "gpt4o_on_known",
    "GPT-4o, of all clips": "gpt4o",
}


def shown(value, interval, places):
    return f"{value:.{places}f} [{interval[0]:.{places}f}, {interval[1]:.{places}f}]"


def test_means_and_ratings_are_those_of_the_file():
    head, _, *table = rows(text(PAGE).partition("## How often")[0])
    found = data("mochabench")["models"]
    assert [row[0] for row in table] == list(found)
    for name, *cells in table:
        metrics, people = found[name]["metrics"], found[name]["people"]
        for metric, cell in zip(head[1:5], cells, strict=False):
            assert cell == shown(metrics[metric]["value"], metrics[metric]["ci"], PLACES[metric]), (name, metric)
        assert cells[4] == f"{metrics['mouth_audio_corr']['n']} of 20"
        order = ("facial expression naturalness", "action naturalness", "text alignment", "visual quality")
        assert cells[5:9] == [f"{people[question]:.2f}" for question in order]


def test_shares_are_those_of_the_file():
    page = text(PAGE).partition("## How often")[2]
    head, _, *table = rows(page)
    found = data("mochabench")["agreement"]
    assert set(head[1:]) == set(found)
    for name, *cells in table:
        key = JUDGES.get(name) or name.removeprefix("more ").strip("`")
        for question, cell in zip(head[1:], cells, strict=True):
            one = found[question][key]
            ties = f" of {one['pairs']}, {one['ties']} ties" if one["ties"] else ""
            assert cell == shown(one["share"], one["ci"], 2) + ties, (name, question)
    pairs = ", ".join(str(found[question]["mouth_audio_corr"]["pairs"]) for question in head[1:])
    assert f"{pairs} pairs of {found[head[1]]['mouth_audio_corr']['prompts']} prompts" in " ".join(page.split())
