"""Files as a source: JSON lines and CSV that grow and rotate, standard input, and directories of Parquet files."""

from argus_client.adapters.files.spec import SPEC

__all__ = ["SPEC"]
