from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Price(_message.Message):
    __slots__ = ("currency", "lines", "total_minor")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    currency: str
    lines: _containers.RepeatedCompositeFieldContainer[PriceLine]
    total_minor: int
    def __init__(self, currency: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[PriceLine, _Mapping]]] = ..., total_minor: _Optional[int] = ...) -> None: ...

class PriceLine(_message.Message):
    __slots__ = ("category", "quantity", "unit_price_minor", "amount_minor")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    category: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    def __init__(self, category: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_price_minor: _Optional[int] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class PriceCategory(_message.Message):
    __slots__ = ("name", "price_minor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    price_minor: int
    def __init__(self, name: _Optional[str] = ..., price_minor: _Optional[int] = ...) -> None: ...
