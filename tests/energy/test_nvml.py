"""The real nvidia-ml-py against a stub of the driver's library that is compiled here."""

from pathlib import Path

import pytest

from tests.energy.nvml.library import UPDATE_SECONDS, WATTS, call, library, probe

__all__ = ["library"]


def test_a_window_reads_the_energy_of_the_gpu(library: Path) -> None:
    found = probe(library, seconds=1.0)
    truth = WATTS[0] * found["seconds"]
    assert found["joules"] == pytest.approx(truth, abs=WATTS[0] * UPDATE_SECONDS * 1.1)
    assert found["min_window_seconds"] == pytest.approx(100 * UPDATE_SECONDS, rel=0.2)
    assert found["possible_watts"] == [WATTS[0], 350.0]
    assert (found["name"], found["tier"]) == ("nvml", "measured")
    assert "not the host's processor" in found["boundary"]
    assert "GPU-aaaa-0, driver 580.1" in found["detail"]
    assert found["board"] == "GPU-aaaa-0"
    assert [check["passed"] for check in found["checks"]] == [True]


@pytest.mark.parametrize(
    ("visible", "uuid"),
    [("0", "GPU-aaaa"), ("1,0", "GPU-bbbb"), ("GPU-bb", "GPU-bbbb"), ("GPU-aaaa-0,1", "GPU-aaaa")],
)
def test_the_gpu_that_cuda_calls_first_is_read(library: Path, visible: str, uuid: str) -> None:
    found = probe(library, CUDA_VISIBLE_DEVICES=visible)
    assert uuid in found["detail"]
    watts = WATTS[uuid == "GPU-bbbb"]
    assert found["joules"] == pytest.approx(watts * found["seconds"], abs=watts * 0.11)


@pytest.mark.parametrize("visible", ["", "-1", "2", "GPU-", "GPU-cccc"])
def test_a_gpu_that_is_not_shown_is_refused(library: Path, visible: str) -> None:
    error = probe(library, CUDA_VISIBLE_DEVICES=visible)["error"]
    assert "CUDA_VISIBLE_DEVICES shows" in error


def test_gpus_that_differ_need_an_order(library: Path) -> None:
    error = probe(library, STUB_FAULT="mixed")["error"]
    assert "CUDA_DEVICE_ORDER" in error
    found = probe(library, STUB_FAULT="mixed", CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert found["name"] == "nvml"


def test_without_a_counter_power_is_integrated(library: Path) -> None:
    found = probe(library, STUB_FAULT="no_counter", CUDA_VISIBLE_DEVICES="1")
    assert found["joules"] == pytest.approx(WATTS[1] * found["seconds"], rel=0.05)
    assert found["name"] == "nvml-power"
    assert found["min_window_seconds"] == pytest.approx(10)
    assert found["checks"] == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("no_driver", "Driver Not Loaded"),
        ("no_permission", "Insufficient Permissions"),
        ("mig", "divided by MIG"),
        ("zero", "stands still at 0 mJ"),
        ("stuck", "stands still"),
    ],
)
def test_a_meter_that_cannot_work_says_why(library: Path, fault: str, reason: str) -> None:
    assert reason in probe(library, STUB_FAULT=fault)["error"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("stuck", "stands still"), ("reset", "went back from"), ("lost", "GPU is lost")],
)
def test_a_counter_that_fails_within_a_window_is_no_reading(
    library: Path, tmp_path: Path, fault: str, reason: str
) -> None:
    found = probe(library, STUB_FAULT=fault, STUB_TRIGGER=str(tmp_path / "now"))
    assert reason in found.get("error", found)


def test_a_mig_instance_is_refused(library: Path) -> None:
    assert "MIG instance" in probe(library, CUDA_VISIBLE_DEVICES="MIG-0123")["error"]


def test_a_counter_that_disagrees_with_the_power_fails_its_check(library: Path) -> None:
    (check,) = probe(library, seconds=1.0, STUB_FAULT="gain")["checks"]
    assert not check["passed"]
    assert "allowed is 15%" in check["detail"]


def test_no_driver_is_no_meter(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert "NVML Shared Library Not Found" in probe(tmp_path)["error"]


def test_the_command_says_which_is_best(library: Path, tmp_path: Path) -> None:
    command = ("-c", "from leanstage.cli import main; main()", "energy", "meters")
    nothing = {"LEANSTAGE_POWERCAP_ROOT": str(tmp_path)}
    said = call(library, *command, **nothing)
    assert "Best on the GPU        nvml\nBest on the processor  cpu-time" in said
    assert "has no package zone" in " ".join(said.split())
    said = call(library, *command, STUB_FAULT="no_permission", **nothing)
    assert "Insufficient Permissions" in said
    assert "Best on the GPU        none" in said


BOARDS = "from leanstage.energy.meters import boards_of; print(sorted(boards_of({7, 8})))"


def test_the_gpus_of_a_server_are_those_its_processes_compute_on(library: Path) -> None:
    assert call(library, "-c", BOARDS, STUB_PID0="7", STUB_PID1="9") == "['GPU-aaaa-0']\n"
    assert call(library, "-c", BOARDS, STUB_PID0="7", STUB_PID1="8").count("GPU-") == 2
    assert call(library, "-c", BOARDS) == "[]\n"
    assert call(library, "-c", BOARDS, STUB_FAULT="no_driver", STUB_PID0="7") == "[]\n"
