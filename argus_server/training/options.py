"""Options of `argus train`, as they stand on its command line."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

_DATA: Final = "Data"
_FIT: Final = "Fit"
_MODEL: Final = "Model"
_STREAMING: Final = "Streaming"

MEMORY_MB: Final = 1024
LEARNING_RATE: Final = 2e-3
INCREMENTAL_LEARNING_RATE: Final = 3e-4
"""On from an artifact: small steps, held near what it knows."""


class Mode(StrEnum):
    """Ways to train."""

    STANDARD = "standard"
    STREAMING = "streaming"
    INCREMENTAL = "incremental"


class RowsUsed(StrEnum):
    """Which rows of a file with a split column are learned from."""

    TRAIN = "train"
    ALL = "all"


Data = Annotated[
    list[Path],
    typer.Option(
        help="Parquet, CSV or Arrow file in contract columns, or a directory of them; repeat for more. One row per "
        "server and time; times are timestamps or Unix milliseconds.",
        exists=True,
        rich_help_panel=_DATA,
    ),
]
Out = Annotated[
    Path,
    typer.Option(help="Directory of the artifact; an artifact there is replaced, and nothing else ever is."),
]
Name = Annotated[str, typer.Option(help="Name of the model; the directory's name by default.")]
ModeChoice = Annotated[
    Mode,
    typer.Option(
        help="standard: a fresh model, all data in memory. streaming: a fresh model, servers read chunk by "
        "chunk. incremental: go on from the artifact given with --from."
    ),
]
Parent = Annotated[
    Path | None, typer.Option("--from", help="Artifact to go on from, for --mode incremental.")
]
RowsChoice = Annotated[
    RowsUsed,
    typer.Option(
        help="With a split column: learn from its train rows only, or from all.", rich_help_panel=_DATA
    ),
]
Holdout = Annotated[
    str,
    typer.Option(
        help="Comma-separated servers that training must not see; the figures are theirs.",
        rich_help_panel=_DATA,
    ),
]
Validation = Annotated[
    str,
    typer.Option(
        help="Comma-separated servers to validate on; a hash of the names chooses if not given.",
        rich_help_panel=_DATA,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        help="How often each file is drawn from, by its name without ending: a=0.5,b=0.3.",
        rich_help_panel=_DATA,
    ),
]
Epochs = Annotated[int, typer.Option(min=1, help="Most epochs.", rich_help_panel=_FIT)]
StepsPerEpoch = Annotated[
    int, typer.Option(min=1, help="Batches between two validations.", rich_help_panel=_FIT)
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        help="Time limit of the fit; the learning rate fits itself to it.",
        rich_help_panel=_FIT,
    ),
]
Patience = Annotated[
    int,
    typer.Option(min=1, help="Validations without improvement before it stops.", rich_help_panel=_FIT),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        min=1e-6,
        help=f"Peak learning rate; {LEARNING_RATE:g}, incremental {INCREMENTAL_LEARNING_RATE:g}.",
        rich_help_panel=_FIT,
    ),
]
Series = Annotated[
    int, typer.Option(min=0, help="Series per batch; 0 for what suits the device.", rich_help_panel=_FIT)
]
Seed = Annotated[int, typer.Option(help="Seed of weights, windows and dropout.", rich_help_panel=_FIT)]
Threads = Annotated[
    int,
    typer.Option(
        min=0,
        help="CPU threads of the network, 0 for all. A small one is no faster with more; a core that is left "
        "over draws windows ahead.",
        rich_help_panel=_FIT,
    ),
]
CheckpointDirectory = Annotated[
    Path | None,
    typer.Option(
        help="Directory to save the running training in; the same command goes on from what is there.",
        rich_help_panel=_FIT,
    ),
]
CheckpointEvery = Annotated[
    int,
    typer.Option(min=1, help="Validations (in streaming: chunks) between two.", rich_help_panel=_FIT),
]
MemoryMb = Annotated[
    int | None,
    typer.Option(min=3, help=f"Memory for data, in MiB; {MEMORY_MB}.", rich_help_panel=_STREAMING),
]
ContextDays = Annotated[
    int | None, typer.Option(min=2, max=7, help="Days of past the model sees; 7.", rich_help_panel=_MODEL)
]
HiddenSize = Annotated[
    int | None, typer.Option(min=4, help="Width of the network; 32.", rich_help_panel=_MODEL)
]
Heads = Annotated[int | None, typer.Option(min=1, help="Attention heads; 4.", rich_help_panel=_MODEL)]
LstmLayers = Annotated[
    int | None, typer.Option(min=1, help="Layers of each LSTM; 1.", rich_help_panel=_MODEL)
]
Dropout = Annotated[
    float | None,
    typer.Option(min=0.0, max=0.9, help="Dropout while training; 0.1.", rich_help_panel=_MODEL),
]
Note = Annotated[str, typer.Option(help="A sentence for the card, such as how a file was made.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and no progress.")]
