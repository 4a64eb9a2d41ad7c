"""Reads every hostile file in this process and prints time and memory: one JSON object a line."""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path

from monet.pictures import OWN_FORMATS, PictureError, read
from tests.hostile_files import everything, ordinary


def peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    warnings.simplefilter("ignore")  # Pillow warns of broken EXIF and of large headers
    read(ordinary()["png"])
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)  # should all else fail
    resource.setrlimit(resource.RLIMIT_CPU, (400,) * 2)
    for name, content in everything():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        before, start = peak(), time.process_time()
        try:
            picture = read(content, formats=OWN_FORMATS)
            answer = f"{picture.shape[1]} x {picture.shape[0]}"
            assert picture.dtype == "uint8" and picture.shape[2] == 3
        except PictureError as error:
            answer = str(error)
            assert answer.endswith(".") and "\n" not in answer and len(answer) < 180, answer
        seconds, megabytes = time.process_time() - start, (peak() - before) / 1024
        json.dump({"name": name, "seconds": seconds, "megabytes": megabytes, "answer": answer}, sys.stdout)
        print(flush=True)


if __name__ == "__main__":
    main()
