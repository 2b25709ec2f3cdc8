"""Writer of Parquet files, in the terms of the format definition (``parquet.thrift``).

``thrift`` encodes structs, ``statistics``, ``schema`` and ``pages`` produce the parts, ``footer``
writes the page indexes and ``FileMetaData``, and ``writer`` puts rows into row groups.
"""
