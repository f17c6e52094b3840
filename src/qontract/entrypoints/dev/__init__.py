"""`qontract dev` and `qontract demo`: everything on this machine.

Nothing is imported here: each child is begun by a module of this room, and a worker has to say where the metrics of its
own children go before anything makes one.
"""
