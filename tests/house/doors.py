"""What a module's source can open: sockets and files it writes, seen in its syntax tree, whatever names it imports things under.

Owns which calls are doors. Not seen: what a library does inside of itself when it is handed a path or an address by a name that is not
listed here; so a new third-party library that writes or connects is added below when it is added to the project.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum


class Door(StrEnum):
    """Where bytes may leave the process."""

    SOCKET = "socket"
    FILE = "file"


_SOCKET_MODULES = (
    "socket", "socketserver", "grpc", "zmq", "aiomqtt", "paho", "http", "urllib.request", "xmlrpc", "smtplib", "ftplib", "websockets",
    "aiohttp", "httpx", "requests", "uvicorn", "multiprocessing", "pymodbus",
)  # fmt: skip
"""To import one is to hold a door: they are for nothing else."""
_FILE_MODULES = ("mmap", "pickle", "shelve", "dbm")
_ANY_MODULES = ("subprocess", "ctypes", "pty", "cffi")
"""With these anything can be opened."""

_SOCKET_NAMES = frozenset(
    f"asyncio.{name}"
    for name in ("start_server", "open_connection", "start_unix_server", "open_unix_connection",
                 "create_subprocess_exec", "create_subprocess_shell")
) | {"cv2.VideoCapture"}  # fmt: skip
_SOCKET_METHODS = frozenset(
    {
        "create_server", "create_connection", "create_unix_server", "create_unix_connection", "create_datagram_endpoint", "sock_connect",
        "sock_sendto", "subprocess_exec", "subprocess_shell",
    }
)  # fmt: skip
_OS_NAMES = frozenset(
    f"os.{name}"
    for name in (
        "replace", "rename", "renames", "remove", "unlink", "rmdir", "removedirs", "mkdir", "makedirs", "mkfifo", "mknod",
        "link", "symlink", "truncate", "ftruncate", "write", "writev", "pwrite", "sendfile", "copy_file_range",
        "splice", "chmod", "system", "popen", "fork",
        "posix_spawn", "execv", "execve", "execvp", "spawnv", "openpty", "memfd_create",
    )
)  # fmt: skip
_FILE_NAMES = _OS_NAMES | {
    "sqlite3.connect", "duckdb.connect", "duckdb.sql", "cv2.imwrite", "cv2.VideoWriter", "numpy.save", "numpy.savez",
    "numpy.savez_compressed", "numpy.savetxt", "numpy.memmap", "pyarrow.OSFile", "pyarrow.memory_map", "pyarrow.ipc.new_file",
    "pyarrow.parquet.write_table", "pyarrow.parquet.ParquetWriter", "pyarrow.csv.write_csv", "pyarrow.feather.write_feather",
    "pyarrow.dataset.write_dataset", "logging.FileHandler", "logging.handlers", "logging.config", "av.open", "importlib.import_module",
}  # fmt: skip
_SHUTIL_HARMLESS = frozenset({"shutil.disk_usage", "shutil.which", "shutil.get_terminal_size"})
_FILE_METHODS = frozenset(
    {"write_text", "write_bytes", "touch", "mkdir", "rename", "unlink", "rmdir", "symlink_to", "hardlink_to", "tofile", "write_parquet",
     "write_csv"}
)  # fmt: skip
_BUILTINS = frozenset({"exec", "eval", "__import__", "compile"})
_OPENERS = frozenset({"os.fdopen", "io.open", "gzip.open", "lzma.open", "bz2.open", "tarfile.open", "zipfile.ZipFile", "codecs.open"})
_WRITING = frozenset("wax+")
_READ_FLAGS = frozenset({"O_RDONLY", "O_DIRECTORY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"})


def doors_of(source: str) -> frozenset[Door]:
    """The doors that a module opens by itself."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    found = {door for node in _running(tree) for door in _doors_at(node, names)}
    return frozenset(found | {door for module in names.values() for door in _of_module(module)})


def calls_of(source: str, name: str) -> bool:
    """True when a module's code uses the function or class `name`, under whatever name; annotations and bare imports do not count."""
    tree = ast.parse(source)
    local = {known for known, dotted in _imported(tree) if dotted.split(".")[-1] == name} | {name}
    notes = {id(node) for hint in _annotations(tree) for node in ast.walk(hint)}
    return any(
        id(node) not in notes
        and ((isinstance(node, ast.Name) and node.id in local) or (isinstance(node, ast.Attribute) and node.attr == name))
        for node in _running(tree)
    )


def _annotations(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(hint, ast.AST):
                yield hint


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Local name -> dotted name of everything imported."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                yield (item.asname, item.name) if item.asname else (item.name.split(".")[0], item.name.split(".")[0])
                if not item.asname:
                    yield item.name, item.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for item in node.names:
                yield item.asname or item.name, f"{node.module}.{item.name}"


def _of_module(dotted: str) -> Iterator[Door]:
    if _is_in(dotted, _SOCKET_MODULES + _ANY_MODULES):
        yield Door.SOCKET
    if _is_in(dotted, _FILE_MODULES + _ANY_MODULES):
        yield Door.FILE


def _is_in(dotted: str, modules: tuple[str, ...]) -> bool:
    return any(dotted == module or dotted.startswith(module + ".") for module in modules)


def _doors_at(node: ast.AST, names: dict[str, str]) -> Iterator[Door]:
    dotted = _dotted(node, names)
    if dotted in _SOCKET_NAMES:
        yield Door.SOCKET
    if dotted in _FILE_NAMES or dotted.startswith("tempfile.") or (dotted.startswith("shutil.") and dotted not in _SHUTIL_HARMLESS):
        yield Door.FILE
    if isinstance(node, ast.Call):
        yield from _doors_of_call(node, _dotted(node.func, names), names)


def _dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name that a reference stands for; empty for what is no imported name."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def _doors_of_call(call: ast.Call, dotted: str, names: dict[str, str]) -> Iterator[Door]:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    builtin = call.func.id if isinstance(call.func, ast.Name) and call.func.id not in names else ""
    if method in _SOCKET_METHODS:
        yield Door.SOCKET
    if builtin in _BUILTINS or (builtin == "getattr" and _dotted(call.args[0], names) in ("os", "shutil", "socket", "builtins", "io")):
        yield from Door
    if method in _FILE_METHODS or _is_path_replace(call, method, dotted) or _opens_to_write(call, method, builtin, dotted, names):
        yield Door.FILE
    if method == "save" and any(_is_in(name, ("openpyxl", "PIL")) for name in names.values()):
        yield Door.FILE


def _is_path_replace(call: ast.Call, method: str, dotted: str) -> bool:
    """`path.replace(target)` has one argument; that of a text has two, that of a dataclass or a time has words."""
    return method == "replace" and not dotted and len(call.args) == 1 and not call.keywords


def _opens_to_write(call: ast.Call, method: str, builtin: str, dotted: str, names: dict[str, str]) -> bool:
    if dotted == "os.open":
        flags = {node.attr for node in ast.walk(call.args[1]) if isinstance(node, ast.Attribute)} if len(call.args) > 1 else set()
        return not flags or not flags <= _READ_FLAGS
    if dotted == "sqlite3.Connection":
        return True
    if builtin == "open" or dotted in _OPENERS:
        return _mode_writes(call, place=1)
    if dotted == "sqlite_utils.Database":
        return any(isinstance(argument, ast.Constant) or _last(argument).endswith(("path", "file")) for argument in call.args)
    return method == "open" and not dotted and _mode_writes(call, place=0)


def _mode_writes(call: ast.Call, *, place: int) -> bool:
    """True unless the mode is a constant that only reads, or left out."""
    given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[place : place + 1]
    if not given:
        return False
    mode = given[0]
    if isinstance(mode, ast.Constant):
        return isinstance(mode.value, str) and len(mode.value) <= len("rb+") and bool(_WRITING & set(mode.value))
    # A method named open of something else than a file has other arguments; those of files are texts.
    return place == 1


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
