"""One TCP line to a Modbus device or gateway, by pymodbus: a request at a time, each with its time limit. The one home of the library.

The library is loaded with the first line, because it takes 15 MB and most nodes have no such device. Called by poller.py and by
`yunnao profile poll`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from node.ingest.errors import IngestError
from node.ingest.modbus.registers import Function

if TYPE_CHECKING:
    from pymodbus.client import AsyncModbusTcpClient

EXCEPTIONS: Mapping[int, str] = {
    1: "illegal_function",
    2: "illegal_data_address",
    3: "illegal_data_value",
    4: "server_device_failure",
    5: "acknowledge",
    6: "server_device_busy",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_failed_to_respond",
}
"""Exception codes of the specification, section 7."""


_READS = range(1, 5)
"""Function codes of the four tables."""
_EXCEPTION_BIT = 0x80
_LENGTH_AT, _PDU_AT = 4, 7


class ModbusFault(IngestError):
    """A request that brought no values; `reason` is a word for counting."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class Line:
    """One connection, opened when it is needed and again after it broke."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._client: AsyncModbusTcpClient | None = None
        self._turn = asyncio.Lock()
        """Gateways take one request at a time; several devices behind one share its line."""

    async def read(self, function: Function, address: int, count: int, *, unit: int) -> Sequence[int]:
        """`count` registers or bits of a unit; raises ModbusFault."""
        async with self._turn:
            client = await self._connected()
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._ask(client, function, address, count, unit)
            except TimeoutError:
                self.close()
                raise ModbusFault("timeout", f"no answer of unit {unit} at {self._host}:{self._port} in {self._timeout_s:g} s") from None
            except _library_errors() as error:
                self.close()
                raise ModbusFault("broken", f"{self._host}:{self._port}: {str(error)[:200]}") from None
        if answer.isError():
            code = int(getattr(answer, "exception_code", 0))
            name = EXCEPTIONS.get(code, "unknown_exception")
            words = f"{name.replace('_', ' ')} ({code})"
            raise ModbusFault(name, f"unit {unit} refuses {count} {function.value} from address {address}: {words}")
        found: Sequence[int] = answer.bits[:count] if function.is_bits else answer.registers
        if len(found) < count:
            raise ModbusFault("short_answer", f"unit {unit} sent {len(found)} of {count} {function.value} from address {address}")
        return found

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        from pymodbus.client import AsyncModbusTcpClient

        # What fails is counted and shown here; the library would write every try into the log.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        client = AsyncModbusTcpClient(
            self._host, port=self._port, timeout=self._timeout_s, retries=0, reconnect_delay=0, trace_packet=readable
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                is_open = await client.connect()
        except TimeoutError:
            is_open = False
        if not is_open:
            client.close()
            raise ModbusFault("unreachable", f"nothing answers at {self._host}:{self._port}: check address, port and cable")
        self._client = client
        return client

    @staticmethod
    async def _ask(client: AsyncModbusTcpClient, function: Function, address: int, count: int, unit: int) -> Any:
        reads = {
            Function.HOLDING: client.read_holding_registers,
            Function.INPUT: client.read_input_registers,
            Function.COIL: client.read_coils,
            Function.DISCRETE: client.read_discrete_inputs,
        }
        return await reads[function](address, count=count, device_id=unit)


def readable(is_sent: bool, data: bytes) -> bytes:
    """`data` as it is; nothing of an answer that is no answer to a read, which the library would meet with a traceback in the log.

    The library asks for every packet. What is held back here ends in the time limit of its request.
    """
    end = _LENGTH_AT + 2 + int.from_bytes(data[_LENGTH_AT : _LENGTH_AT + 2], "big")
    if is_sent or len(data) < max(end, _PDU_AT + 2):
        return data
    function, pdu = data[_PDU_AT], data[_PDU_AT:end]
    is_values = function in _READS and len(pdu) >= 2 and pdu[1] == len(pdu) - 2
    is_exception = bool(function & _EXCEPTION_BIT) and function & ~_EXCEPTION_BIT in _READS and len(pdu) == 2
    return data if is_values or is_exception else b""


def _library_errors() -> tuple[type[Exception], ...]:
    from pymodbus.exceptions import ModbusException

    return (ModbusException, OSError)
