"""`python -m argus_client.cli` is the `argus` command."""

from argus_client.cli.main import main

main()
