"""The compiler of graphs: torch's own, without Dynamo, which has no Python left to look at."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule


def compiled(graph: GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
    """Compile a graph for inputs of these shapes; on CUDA it is replayed as a CUDA graph.

    Random numbers come from torch's own generator, in the order of the graph's operations. A graph
    that was compiled before, perhaps by another process, is read from torch's cache on the disk.
    """
    from torch._inductor import standalone_compile  # here, as it is slow to import

    options = {
        "fallback_random": True,
        "triton.cudagraphs": any(tensor.is_cuda for tensor in inputs),
    }
    with torch.no_grad():
        return standalone_compile(
            graph,
            [*inputs],
            dynamic_shapes="from_example_inputs",
            options={"config_patches": options},
        )
