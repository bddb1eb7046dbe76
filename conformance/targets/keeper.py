"""A small process between the judge and a target: it ends the target, and what that started, once the judge is gone.

It is run as a script and imports the standard library only. On Linux every process that the target leaves behind
becomes its child, in whatever session it is, and the target dies with it. Elsewhere it reaches the target and the
process group of the target. What the target prints goes to the standard error of the judge, as far as SHOWN.

A target in the process of the judge has two others: one copies what the target prints, and one, on Linux, kills what
carries a mark once that process is gone. It does not find what was executed with another environment.
"""

import ctypes
import mmap
import os
import select
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

END, KILL = b"e", b"k"  # what the judge may ask for; if it is gone, that is END
GRACE = 1.0  # seconds for the target to end by itself
KILLING = 5.0  # seconds until a process that cannot be killed is left alone
LOOKING = 1.0  # seconds between two looks at the parent
SHOWN = 1 << 16  # bytes of what a target prints
WATCHING = 3.0  # seconds until what a watcher cannot kill is left alone
WATCH, SHOW = "watch", "show"  # as an argument of the script
MARK = "LSTM_CONFORM_TARGET"  # in the environment of a target, and of what it starts
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def end_with_parent() -> None:
    """Have the system kill this process when the thread that started it ends; Linux only."""
    _set_process_option(PR_SET_PDEATHSIG, signal.SIGKILL)


def _set_process_option(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def keep_target(link: int, code: str) -> None:
    """Run the code in a process with that descriptor until it ends, or the judge asks for its end or is gone.

    Prints the number of the process, then its status, unless it had to be killed.
    """
    _set_process_option(PR_SET_CHILD_SUBREAPER, 1)
    _set_process_option(PR_SET_PDEATHSIG, signal.SIGCONT)  # the target may have stopped this process
    judge, (printed, output), (woken, wake) = os.getppid(), os.pipe(), os.pipe()
    for end in (printed, woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    target = _start_target(link, output, code)
    os.close(link)
    os.close(output)
    shown = Shown(printed)
    status = _wait_for_end(target, judge, woken, shown)
    _end_all(target)
    shown.finish()
    if status is not None:
        _tell_judge(b"status %d\n" % status)


def _tell_judge(line: bytes) -> None:
    with suppress(BrokenPipeError):  # it may be gone
        os.write(1, line)


def _start_target(link: int, output: int, code: str) -> int:
    keeper, number = os.getpid(), os.fork()
    if number:
        return number
    try:
        os.setsid()  # only the judge hears an interrupt from the keyboard
        end_with_parent()
        if os.getppid() == keeper:
            _tell_judge(b"pid %d\n" % os.getpid())  # not the keeper, which the target may stop at once
            for ours, theirs in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
                os.dup2(ours, theirs)
            os.set_inheritable(link, True)
            os.execv(sys.executable, [sys.executable, "-c", code])
    finally:
        os._exit(127)


def _wait_for_end(target: int, judge: int, woken: int, shown: "Shown") -> int | None:
    """The status of the target; None if its time is over."""
    watched, deadline = {0, woken, shown.source}, float("inf")
    while (left := min(LOOKING, deadline - time.monotonic())) > 0:
        ready = select.select(watched, [], [], left)[0]
        if woken in ready:
            os.read(woken, 1 << 10)
        if shown.source in ready and not shown.copy():
            watched.discard(shown.source)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == target:
                    return os.waitstatus_to_exitcode(ended[1])
        asked = os.read(0, 1) if 0 in ready else b"" if os.getppid() != judge else None
        if asked == KILL:
            return None
        if asked is not None:  # the end of the file, if the judge is gone
            deadline = min(deadline, time.monotonic() + GRACE)
            watched -= {0} if asked == b"" else set()
    return None


def _end_all(target: int) -> None:
    """Kill whatever is left of the target and of what it started, and wait for all of it."""
    deadline = time.monotonic() + KILLING
    with suppress(ProcessLookupError, PermissionError):  # nothing is left of its group; macOS says the latter
        os.killpg(target, signal.SIGKILL)
    with suppress(ChildProcessError):  # none is left
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                for number in list_descendants(os.getpid()):
                    with suppress(ProcessLookupError, PermissionError):
                        os.kill(number, signal.SIGKILL)
                time.sleep(0.005)


def list_descendants(ancestor: int) -> list[int]:
    """The numbers of all processes below one, the nearest first, as far as /proc tells."""
    children: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])  # behind the name, which may be anything
                children.setdefault(parent, []).append(int(name))
    found = list(children.get(ancestor, ()))
    for number in found:
        found += children.get(number, ())
    return found


def kill_marked(mark: str) -> int:
    """Kill the processes with that mark in their environment or their memory; how many, as far as /proc tells."""
    signs = (("environ", f"{MARK}={mark}".encode()), ("maps", f"/memfd:{mark}".encode()))
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or belongs to somebody else
            if any(sign in (folder / name).read_bytes() for name, sign in signs):
                os.kill(int(folder.name), signal.SIGKILL)
                killed += 1
    return killed


@cache
def watch_this_process() -> mmap.mmap | None:
    """Have a watcher kill whatever is started from now on, once this process is gone; only Linux has watchers.

    A process that is forked has the memory that is returned, one that is executed has the mark in its environment.
    """
    if sys.platform != "linux" or not sys.executable:
        return None
    with suppress(OSError):  # the system has no watchers either
        mark = os.urandom(16).hex()
        with open(os.memfd_create(mark), "r+b") as file:
            file.truncate(mmap.PAGESIZE)
            memory = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        command = [sys.executable, "-I", "-S", __file__, WATCH, str(os.getpid()), mark]
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
        os.environ[MARK] = mark
        os.waitpid(os.posix_spawn(sys.executable, command, environment, file_actions=nowhere), 0)
        return memory
    return None


def watch_process(process: int, mark: str) -> None:
    """Go on in the background; once that process, the parent of this one, is gone, kill what has the mark."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    ended = os.pidfd_open(process)
    os.setsid()
    if os.getppid() != process or os.fork():  # a target may wait for all children of its process: this is none
        return
    select.select([ended], [], [])
    time.sleep(GRACE)
    deadline = time.monotonic() + WATCHING
    while kill_marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)


class Shown:
    """What is printed into a pipe, copied to the standard error; nobody waits where that is not read."""

    def __init__(self, source: int) -> None:
        self.source, self.shown, self.left_out = source, 0, 0

    def copy(self) -> bool:
        """Copy what there is at the moment; whether more may come."""
        with suppress(BlockingIOError):
            while part := os.read(self.source, 1 << 16):
                self._show(part[: SHOWN - self.shown])
                self.left_out += len(part) - len(part[: SHOWN - self.shown])
                self.shown += len(part[: SHOWN - self.shown])
                if self.shown >= SHOWN:
                    return True  # it may print without an end
            return False
        return True

    def _show(self, part: bytes) -> None:
        size = select.PIPE_BUF  # as much can be written where anything can
        for piece in (part[k : k + size] for k in range(0, len(part), size)):
            try:
                if select.select([], [2], [], 0)[1]:
                    os.write(2, piece)
                    continue
            except OSError:
                pass
            self.left_out += len(piece)

    def finish(self) -> None:
        """Copy the rest, as far as it comes within a while, and say how much was left out."""
        deadline = time.monotonic() + GRACE
        while self.copy() and select.select([self.source], [], [], 0)[0] and time.monotonic() < deadline:
            pass
        if self.left_out:
            left_out, self.left_out = self.left_out, 0
            self._show(f"\nlstm-conform: {left_out:,} bytes more that the target printed are left out\n".encode())


def show_output(source: int) -> None:
    """Copy what is printed there until the judge writes something, or is gone."""
    os.set_blocking(source, False)
    shown = Shown(source)
    while 0 not in select.select([0, source], [], [])[0] and shown.copy():
        pass
    shown.finish()


if __name__ == "__main__":
    try:
        os.fstat(2)
    except OSError:
        os.open(os.devnull, os.O_WRONLY)  # becomes 2
    if sys.argv[1] == WATCH:
        watch_process(int(sys.argv[2]), sys.argv[3])
    elif sys.argv[1] == SHOW:
        show_output(int(sys.argv[2]))
    else:
        keep_target(int(sys.argv[1]), sys.argv[2])
