"""A program for x86_64 whose processes each start another one and end: copied into the code of attacks and tests.

Its processes share their memory (CLONE_VM): it is held by one of them at a time, and none of them lives long.
"""

import os
import struct
import subprocess


def start_short_processes(megabytes, output=subprocess.DEVNULL):
    """Start it in the current folder: each process takes further 64 KiB, and writes a character to its output."""
    code, data = 0x400000, 0x10000000
    begin = b"\xbb" + struct.pack("<I", data)  # mov ebx, data
    touch = b"\xb9" + struct.pack("<I", 16)  # mov ecx, 16: pages
    touch += b"\xc6\x03\x01"  # mov byte [rbx], 1
    touch += b"\x81\xc3\x00\x10\x00\x00\xff\xc9\x75\xf3"  # add ebx, 4096; dec ecx; jnz to mov byte
    hop = b"\x81\xfb" + struct.pack("<I", data + (megabytes << 20))  # cmp ebx, the end of data
    hop += b"\x73" + struct.pack("b", len(touch)) + touch  # jae over touch
    hop += b"\xbf\x01\x00\x00\x00\xbe" + struct.pack("<I", code) + b"\xba\x01\x00\x00\x00"
    hop += b"\xb8\x01\x00\x00\x00\x0f\x05"  # write(1, code, 1)
    clone = b"\xbf\x11\x01\x00\x00\x31\xf6\x31\xd2\x4d\x31\xd2\x4d\x31\xc0\xb8\x38\x00\x00\x00\x0f\x05"
    clone += b"\x85\xc0"  # clone(CLONE_VM | SIGCHLD, 0, 0, 0, 0)
    hop += clone + b"\x78" + struct.pack("b", -len(clone) - 2)  # js: again, there are too many processes
    text = begin + hop + b"\x0f\x84" + struct.pack("<i", -len(hop) - 6)  # jz: the child begins with hop again
    text += b"\xb8\x3c\x00\x00\x00\x31\xff\x0f\x05"  # exit(0)
    size = 64 + 2 * 56 + len(text)
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, code + size - len(text), 64, 0, 0, 64, 56, 2, 0, 0, 0)
    elf += struct.pack("<IIQQQQQQ", 1, 5, 0, code, code, size, size, 4096)
    elf += struct.pack("<IIQQQQQQ", 1, 6, 0, data, data, 0, megabytes << 20, 4096)
    with open("short", "wb") as file:
        file.write(elf + text)
    os.chmod("short", 0o755)
    return subprocess.Popen([os.path.abspath("short")], stdout=output)


def newest_pid():
    """Return the id of the newest process in this namespace."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[4])
