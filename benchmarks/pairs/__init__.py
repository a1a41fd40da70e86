"""Programs as users of Pyro write them, and the ways to train them that are compared.

For each program there is data in ``data``, a model and a guide in ``in_pyro``, the same in
``in_numpyro``, and perhaps a loop in ``by_hand``; all are registered under the program's name.
``data``, ``in_numpyro`` and ``peer`` import no torch: they also run in a process of NumPyro's.
"""
