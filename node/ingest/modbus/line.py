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
from node.ingest.modbus.answers import fault_in
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
        self._limit: asyncio.Timeout | None = None
        """Of the request on its way."""
        self._fault: str | None = None
        """Why what came for it is no answer."""
        self._turn = asyncio.Lock()
        """Gateways take one request at a time; several devices behind one share its line."""

    async def read(self, function: Function, address: int, count: int, *, unit: int) -> Sequence[int]:
        """`count` registers or bits of a unit; raises ModbusFault."""
        async with self._turn:
            client = await self._connected()
            self._fault = None
            try:
                async with asyncio.timeout(self._timeout_s) as self._limit:
                    answer = await self._ask(client, function, address, count, unit)
            except TimeoutError:
                self.close()
                raise self._unanswered(unit) from None
            except _library_errors() as error:
                self.close()
                raise ModbusFault("broken", f"{self._host}:{self._port}: {str(error)[:200]}") from None
            finally:
                self._limit = None
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

    def _unanswered(self, unit: int) -> ModbusFault:
        where = f"unit {unit} at {self._host}:{self._port}"
        if self._fault is None:
            return ModbusFault("timeout", f"no answer of {where} in {self._timeout_s:g} s")
        return ModbusFault("malformed_answer", f"{where} sent {self._fault}: check that a Modbus TCP device listens there")

    def _readable(self, is_sent: bool, data: bytes) -> bytes:
        """The library asks for every packet: `data`, or nothing where the library would fail on it. A request that waits ends at once."""
        if is_sent or (fault := fault_in(data)) is None:
            return data
        self._fault = fault
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(0.0)
        return b""

    async def _connected(self) -> AsyncModbusTcpClient:
        if self._client is not None and self._client.connected:
            return self._client
        self.close()
        from pymodbus.client import AsyncModbusTcpClient

        # What fails is counted and shown here; the library would write every try into the log.
        logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
        client = AsyncModbusTcpClient(
            self._host, port=self._port, timeout=self._timeout_s, retries=0, reconnect_delay=0, trace_packet=self._readable
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                is_open = await client.connect()
        except (TimeoutError, UnicodeError):
            # A name that is no name of the network is met by its encoding.
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


def _library_errors() -> tuple[type[Exception], ...]:
    from pymodbus.exceptions import ModbusException

    return (ModbusException, OSError)
