"""Run as a program, ``python -I fence.py FILE MEMORY_BYTES CPU_SECONDS``: fences this process in, then becomes FILE.

With the standard library and the kernel only (Linux 5.12 or newer): the program has no network, sees no other process,
finds every file system read-only, and has limited memory and time. Reading files is not prevented: nothing but its exit
status and the start of its output leaves the fence. Ends with status ``UNFENCED`` where any of that fails, before the
program begins.

Sources: man pages unshare(2), user_namespaces(7), mount_setattr(2), getrlimit(2).
"""

import ctypes
import os
import resource
import sys

UNFENCED = 97
OUTPUT_BYTES = 1 << 20  # of what it prints, to files that are open already
_PROCESSES = 64  # of this user within the fence (not enforced for root)

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER = 0x00020000, 0x08000000, 0x10000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 38, 9
_MOUNT_SETATTR = 442  # the same on every architecture
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY, _MS_PRIVATE = -100, 0x8000, 1, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def enter_namespaces() -> None:
    """New ones of users, mounts, network and processes: the process that is forked next is alone in its own."""
    wanted = _CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWPID | _CLONE_NEWIPC
    _checked(_libc.unshare(wanted), "unshare of user, mount, network and process namespaces")


def forbid_writing() -> None:
    """Every mounted file system becomes read-only in this namespace; no descendant can make it writable again."""
    settings = (ctypes.c_uint64 * 4)(_MOUNT_ATTR_RDONLY, 0, _MS_PRIVATE, 0)  # set, clear, propagation, user namespace
    _checked(
        _libc.syscall(
            _MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, settings, ctypes.c_size_t(ctypes.sizeof(settings))
        ),
        "mount_setattr",
    )
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def limit_resources(memory: int, seconds: int) -> None:
    """Hard limits: bytes of address space, seconds of CPU, of each process."""
    for kind, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_NPROC, _PROCESSES),
    ):
        resource.setrlimit(kind, (value, value))


def main(program: str, memory: str, seconds: str) -> int:
    """Exit status of the program; -n where signal n ended it."""
    try:
        enter_namespaces()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        _checked(_libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG")  # end with the parent
        forbid_writing()
        limit_resources(int(memory), int(seconds))
    except (OSError, AttributeError) as error:  # the latter: no such function in this system's C library
        os.write(2, f"cannot fence the program in ({error})\n".encode())
        os._exit(UNFENCED)
    os.execv(sys.executable, [sys.executable, "-I", program])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) & 0xFF)
