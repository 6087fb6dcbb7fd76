"""Bulk tagging: archives of any size, on this machine or a cluster.

    places     files and folders, here and in object stores
    chunks     what is worked on at once: a small description, or the bytes themselves where a stream cannot be cut
    plan       inputs to chunks, the same ones in every run
    lines, csv_rows, parquet, pages, warc   the kinds of input: how each is cut and read
    tagging    a chunk to its part of the output; depends on nothing else
    parts      the forms of output
    assembly   parts to the output, with the journal that a run is resumed from
    engine     the processes of this machine
    run        all of it together

An engine maps `tagging.tag_chunk` over `Plan.chunks()` in any order and hands every `Part` to `Assembly.keep`.
"""
