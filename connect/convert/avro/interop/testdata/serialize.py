# SPDX-License-Identifier: Apache-2.0
"""Reads cases from standard input, one JSON object a line, and answers each with one.

A case has a schema, the data of a value under it in hex, and perhaps a reader's schema.
The answer holds what fastavro writes for the value that it read, the message that
confluent-kafka's AvroSerializer makes of it, and the value under the reader's schema.
With "seconds", fastavro's time to read and to write the value is measured instead.
"""
import io
import json
import sys
import time

from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.schema_registry_client import SchemaRegistryClient
from confluent_kafka.serialization import MessageField, SerializationContext
from fastavro import parse_schema, schemaless_reader, schemaless_writer

TOPIC = SerializationContext("t", MessageField.VALUE)


def write(schema, value):
    out = io.BytesIO()
    schemaless_writer(out, schema, value)
    return out.getvalue()


def read(schema, data, reader=None):
    # Unions come back as (name, value), so that writing takes the same branch.
    return schemaless_reader(io.BytesIO(data), schema, reader, return_record_name=True, return_named_type=True)


def measure(schema, data, seconds):
    value = read(schema, data)
    out = {}
    for name, work in (("read_ns", lambda: schemaless_reader(io.BytesIO(data), schema, None)), ("write_ns", lambda: write(schema, value))):
        n, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            for _ in range(1000):
                work()
            n += 1000
        out[name] = (time.perf_counter() - start) / n * 1e9
    return out


def answer(case):
    schema = parse_schema(json.loads(case["schema"]))
    data = bytes.fromhex(case["data"])
    if case.get("seconds"):
        return measure(schema, data, case["seconds"])
    value = read(schema, data)
    out = {"library": write(schema, value).hex()}
    registry = SchemaRegistryClient.new_client({"url": "mock://"})
    message = AvroSerializer(registry, case["schema"])(value, TOPIC)
    AvroDeserializer(registry, case["schema"])(b"\0\0\0\0\1" + data, TOPIC)
    out["message"] = message.hex()
    if case.get("reader"):
        reader = parse_schema(json.loads(case["reader"]))
        out["resolved"] = write(reader, read(schema, data, reader)).hex()
    return out


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as e:  # the caller says which case it was
        result = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(result), flush=True)
