"""Two meters side by side: the GPU's board and the processor that feeds it."""

from leanstage.contracts import Check, MeterInfo
from leanstage.energy.meters.base import Meter, Usage


class BothMeter(Meter):
    """The sum of a GPU's meter and the host's; both have to be counters.

    Args:
        gpu: the meter of the GPU.
        host: the meter of the processor.
    """

    def __init__(self, gpu: Meter, host: Meter) -> None:
        self._gpu, self._host = gpu, host
        self.board = gpu.board
        self.min_window_seconds = max(gpu.min_window_seconds, host.min_window_seconds)
        self.quiet_seconds = gpu.quiet_seconds + host.quiet_seconds
        (least, most), (host_least, host_most) = gpu.info.possible_watts, host.info.possible_watts
        board = gpu.info.boundary.partition(";")[0]
        self.info = MeterInfo(
            name=f"{gpu.info.name}+{host.info.name}",
            tier="measured",
            boundary=f"{board}; and {host.info.boundary}",
            detail=f"{gpu.info.detail} {host.info.detail}",
            possible_watts=(
                least + host_least,
                None if most is None or host_most is None else most + host_most,
            ),
            rejected=gpu.info.rejected,
        )

    def begin_window(self) -> None:
        # The GPU's meter may wait for quiet, which is no part of the window.
        self._gpu.begin_window()
        self._host.begin_window()

    def _read_joules(self, usage: Usage) -> float:
        # Likewise it may wait for its counter to move on.
        host_joules = self._host.end_window(usage)
        return host_joules + self._gpu.end_window(usage)

    def checks(self) -> tuple[Check, ...]:
        return (*self._gpu.checks(), *self._host.checks())
