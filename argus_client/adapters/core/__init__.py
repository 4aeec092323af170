"""What every adapter is made of, whatever its source: configuration, mapping, cursor, delivery and the loop.

    source --fetch--> Records --map--> Samples --drop what is known--> publish --acks--> cursor on disk

A source is one module that exports a `SPEC`, an `AdapterSpec`; `registry` finds it by name and imports it when used.
"""
