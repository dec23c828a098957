"""Load on a running server, and the proof that it did right.

`onsale` lets a crowd buy a fresh event over HTTP and gRPC and then audits its journal; `audit` does the latter alone.
Nothing here knows the server from within: it speaks the public protocols, and of the journal it knows the entries'
structs only. The way of a run: `onsale` starts a `crowd` of `load_process`es; in each, `buyers` make `calls` through
`buyers_http` and `buyers_grpc`, choose seats of the `house`, and keep `figures` and what they were told; `selling`
watches and disturbs; `audit` reads the rows; `report` says what came of it.
"""
