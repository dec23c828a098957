from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Price(_message.Message):
    __slots__ = ("currency", "lines", "total_minor", "fees", "taxes")
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    FEES_FIELD_NUMBER: _ClassVar[int]
    TAXES_FIELD_NUMBER: _ClassVar[int]
    currency: str
    lines: _containers.RepeatedCompositeFieldContainer[PriceLine]
    total_minor: int
    fees: _containers.RepeatedCompositeFieldContainer[FeeLine]
    taxes: _containers.RepeatedCompositeFieldContainer[TaxLine]
    def __init__(self, currency: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[PriceLine, _Mapping]]] = ..., total_minor: _Optional[int] = ..., fees: _Optional[_Iterable[_Union[FeeLine, _Mapping]]] = ..., taxes: _Optional[_Iterable[_Union[TaxLine, _Mapping]]] = ...) -> None: ...

class PriceLine(_message.Message):
    __slots__ = ("category", "quantity", "unit_price_minor", "amount_minor", "price_type")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    PRICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    category: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    price_type: str
    def __init__(self, category: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_price_minor: _Optional[int] = ..., amount_minor: _Optional[int] = ..., price_type: _Optional[str] = ...) -> None: ...

class FeeLine(_message.Message):
    __slots__ = ("name", "quantity", "unit_amount_minor", "amount_minor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    UNIT_AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    quantity: int
    unit_amount_minor: int
    amount_minor: int
    def __init__(self, name: _Optional[str] = ..., quantity: _Optional[int] = ..., unit_amount_minor: _Optional[int] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class TaxLine(_message.Message):
    __slots__ = ("name", "rate_ppm", "included", "amount_minor")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RATE_PPM_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    name: str
    rate_ppm: int
    included: bool
    amount_minor: int
    def __init__(self, name: _Optional[str] = ..., rate_ppm: _Optional[int] = ..., included: _Optional[bool] = ..., amount_minor: _Optional[int] = ...) -> None: ...

class PriceCategory(_message.Message):
    __slots__ = ("name", "price_minor", "prices")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    PRICES_FIELD_NUMBER: _ClassVar[int]
    name: str
    price_minor: int
    prices: _containers.RepeatedCompositeFieldContainer[TypePrice]
    def __init__(self, name: _Optional[str] = ..., price_minor: _Optional[int] = ..., prices: _Optional[_Iterable[_Union[TypePrice, _Mapping]]] = ...) -> None: ...

class TypePrice(_message.Message):
    __slots__ = ("price_type", "price_minor")
    PRICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    PRICE_MINOR_FIELD_NUMBER: _ClassVar[int]
    price_type: str
    price_minor: int
    def __init__(self, price_type: _Optional[str] = ..., price_minor: _Optional[int] = ...) -> None: ...

class Fee(_message.Message):
    __slots__ = ("name", "amount_minor", "share_ppm", "once")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    SHARE_PPM_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    amount_minor: int
    share_ppm: int
    once: bool
    def __init__(self, name: _Optional[str] = ..., amount_minor: _Optional[int] = ..., share_ppm: _Optional[int] = ..., once: _Optional[bool] = ...) -> None: ...

class Tax(_message.Message):
    __slots__ = ("name", "rate_ppm", "included")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RATE_PPM_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    name: str
    rate_ppm: int
    included: bool
    def __init__(self, name: _Optional[str] = ..., rate_ppm: _Optional[int] = ..., included: _Optional[bool] = ...) -> None: ...
