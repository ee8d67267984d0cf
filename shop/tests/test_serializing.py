"""Shared serializers give the results of new ones and keep nothing of a request."""

import gc
import threading
import weakref
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from shop.api.serializing import represent, validate


class Inner(serializers.Serializer):
    size = serializers.IntegerField(min_value=1)
    who = serializers.SerializerMethodField()

    def get_who(self, row: Any) -> str:
        return self.context["who"]


class Outer(serializers.Serializer):
    name = serializers.CharField(trim_whitespace=False, default="nobody")
    inner = Inner()
    others = Inner(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["name"] == self.context["who"]:
            raise serializers.ValidationError("That is you.", code="you")
        return attrs


ROW = {"name": "a", "inner": {"size": 1}, "others": [{"size": 2}]}
BAD = [None, [], "text", {}, {"inner": None}, {"inner": {"size": 0}}, {"name": "eve", "inner": {"size": 1}}]


def test_represents_like_a_new_serializer_in_each_context() -> None:
    for who in ("ada", "eve"):
        context = {"who": who}
        assert represent(Outer, ROW, context=context) == Outer(ROW, context=context).data
    assert represent(Outer, ROW, context={"who": "eve"})["others"] == [{"size": 2, "who": "eve"}]


def test_validates_like_a_new_serializer_after_good_and_bad_bodies() -> None:
    context = {"who": "eve"}
    for data in [*BAD, ROW, *BAD, {"inner": {"size": 3}}]:
        new = Outer(data=data, context=context)
        if new.is_valid():
            assert validate(Outer, data, context=context) == new.validated_data
        else:
            with pytest.raises(ValidationError) as caught:
                validate(Outer, data, context=context)
            assert caught.value.get_full_details() == ValidationError(new.errors).get_full_details()


def test_nothing_of_a_request_is_kept() -> None:
    class Body(dict):
        pass

    body, context = Body(inner=Body(size=1)), Body(who="ada")
    left = [weakref.ref(body), weakref.ref(context)]
    validate(Outer, body, context=context)
    represent(Outer, body, context=context)
    del body, context
    gc.collect()
    assert [each() for each in left] == [None, None]


def test_concurrent_calls_have_their_own_context() -> None:
    barrier = threading.Barrier(4)

    class Slow(Inner):
        def get_who(self, row: Any) -> str:
            barrier.wait(5)
            return super().get_who(row)

    seen: dict[str, str] = {}

    def work(who: str) -> None:
        seen[who] = represent(Slow, {"size": 1}, context={"who": who})["who"]

    threads = [threading.Thread(target=work, args=(who,)) for who in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {who: who for who in "abcd"}


def test_a_call_inside_a_call_has_its_own_context() -> None:
    class Tree(serializers.Serializer):
        who = serializers.SerializerMethodField()
        below = serializers.SerializerMethodField()

        def get_who(self, row: Any) -> str:
            return self.context["who"]

        def get_below(self, row: Any) -> Any:
            return [represent(Tree, each, context={"who": "inner"}) for each in row["below"]]

    row = {"below": [{"below": []}]}
    inner = {"who": "inner", "below": []}
    assert represent(Tree, row, context={"who": "outer"}) == {"who": "outer", "below": [inner]}
