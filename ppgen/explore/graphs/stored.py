"""Graphs to learn from, each with what to look for."""

from typing import NamedTuple


class Stored(NamedTuple):
    """A graph as text, and what it teaches."""

    name: str
    text: str
    lesson: str


ALARM = """
LVFAILURE -> HISTORY; LVFAILURE -> {LVEDVOLUME STROKEVOLUME}; HYPOVOLEMIA -> {LVEDVOLUME
STROKEVOLUME}; LVEDVOLUME -> {CVP PCWP}; ERRLOWOUTPUT -> HRBP; ERRCAUTER -> {HREKG HRSAT};
HR -> {HRBP HREKG HRSAT CO}; ANAPHYLAXIS -> TPR; ARTCO2 -> {EXPCO2 CATECHOL}; VENTLUNG -> {EXPCO2
MINVOL VENTALV}; INTUBATION -> {MINVOL SHUNT PRESS VENTLUNG VENTALV}; FIO2 -> PVSAT; VENTALV ->
{PVSAT ARTCO2}; PVSAT -> SAO2; SHUNT -> SAO2; PULMEMBOLUS -> {PAP SHUNT}; KINKEDTUBE -> {PRESS
VENTLUNG}; VENTTUBE -> {PRESS VENTLUNG}; DISCONNECT -> VENTTUBE; MINVOLSET -> VENTMACH; VENTMACH ->
VENTTUBE; INSUFFANESTH -> CATECHOL; SAO2 -> CATECHOL; TPR -> {CATECHOL BP}; CATECHOL -> HR;
STROKEVOLUME -> CO; CO -> BP
"""

STORED = (
    Stored(
        "cats and dogs",
        """S -> A; S -> R; AP -> R; R -> G; S -> U; R -> U; R -> DB; R -> CM; DB -> CH; CM -> CH
        S [label="season"]; A [label="allergies"]; R [label="rain"]; AP [label="air pressure"]
        G [label="grass wet"]; U [label="umbrella"]; DB [label="dog barks"]; CM [label="cat mood"]
        CH [label="cat hides"]""",
        "Season and air pressure are independent, until rain or anything below it is given.",
    ),
    Stored(
        "collider",
        "talent [exposure]; looks [outcome]; talent -> famous <- looks",
        "Two causes of one event are independent, until the event is given: mark it as given.",
    ),
    Stored(
        "confounder",
        "age [adjusted]; drug [exposure]; recovery [outcome]; "
        "drug <- age -> recovery; drug -> recovery",
        "A common cause opens a second way from cause to effect. Given it, the way is blocked.",
    ),
    Stored(
        "front door",
        "habit [latent]; smoking [exposure]; tar; cancer [outcome]; "
        "habit -> smoking -> tar -> cancer; habit -> cancer",
        "No adjustment set, since the confounder is latent; yet the mediator identifies the "
        "effect: see the front-door sets (Pearl 1995, Causal diagrams for empirical research).",
    ),
    Stored(
        "M-bias",
        "u [latent]; v [latent]; x [exposure]; y [outcome]; u -> x; u -> m <- v; v -> y; x -> y",
        "m comes before x and y, and still must not be adjusted for: it is a collider.",
    ),
    Stored(
        "instrument",
        "u [latent]; z; x [exposure]; y [outcome]; z -> x -> y; u -> x; u -> y",
        "z moves x and reaches y by x alone: see the instruments.",
    ),
    Stored(
        "VAE",
        'θ; z [latent, plates="images"]; x [plates="images"]; θ -> x; z -> x',
        "One latent vector for each image. Images are independent only given the decoder θ.",
    ),
    Stored(
        "hidden Markov model",
        "z1 [latent]; z2 [latent]; z3 [latent]; z4 [latent]; z1 -> z2 -> z3 -> z4; "
        "z1 -> x1; z2 -> x2; z3 -> x3; z4 -> x4",
        "Nothing observed separates any two outputs, so that the list of independencies is empty.",
    ),
    Stored(
        "ALARM",
        ALARM,
        "A monitor of patients (Beinlich et al. 1989, The ALARM monitoring system): 37 nodes.",
    ),
)
