# SPDX-License-Identifier: Apache-2.0
"""Uses a registry and a broker as a program would; prints what it saw, a JSON value a line.

Arguments: URL of the registry, address of the broker, topic.
"""
import json
import sys

from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext

url, bootstrap, topic = sys.argv[1:]
subject = topic + "-value"
registry = SchemaRegistryClient({"url": url})


def show(name, value):
    print(json.dumps([name, value], sort_keys=True), flush=True)


def attempt(call):
    try:
        return call()
    except SchemaRegistryError as e:
        return [e.http_status_code, e.error_code]


def order(*more):
    fields = [{"name": "id", "type": "long"}, {"name": "what", "type": "string"}]
    return json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": fields + list(more)})


old = order()
new = order({"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, "default": "\u0001"})

producer = Producer({"bootstrap.servers": bootstrap})
context = SerializationContext(topic, MessageField.VALUE)
for schema, records in ((old, [{"id": 1, "what": "tea"}]), (new, [{"id": 2, "what": "cake", "price": None}])):
    write = AvroSerializer(registry, schema)
    for record in records:
        if "price" in record:
            from decimal import Decimal
            record["price"] = Decimal("3.50")
        producer.produce(topic, value=write(record, context))
if producer.flush(30) != 0:
    sys.exit("not everything was produced")

consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
consumer.subscribe([topic])
read = AvroDeserializer(registry, new)
for _ in range(2):
    message = consumer.poll(30)
    if message is None or message.error():
        sys.exit(f"not consumed: {message and message.error()}")
    value = read(message.value(), context)
    show("consumed", [message.value()[:5].hex(), value["id"], value["what"], str(value["price"])])
consumer.close()

show("subjects", attempt(registry.get_subjects))
show("versions", attempt(lambda: registry.get_versions(subject)))
latest = registry.get_latest_version(subject)
show("latest", [latest.subject, latest.version, latest.schema_id, latest.schema.schema_str])
show("by id", registry.get_schema(1).schema_str)
found = registry.lookup_schema(subject, Schema(old, "AVRO"))
show("lookup", [found.version, found.schema_id])
show("lookup of nothing", attempt(lambda: registry.lookup_schema(subject, Schema('"int"', "AVRO"))))
show("compatible", attempt(lambda: registry.test_compatibility(subject, Schema(old, "AVRO"))))
bad = order({"name": "no_default", "type": "int"})
show("incompatible", attempt(lambda: registry.test_compatibility(subject, Schema(bad, "AVRO"))))
show("refused", attempt(lambda: registry.register_schema(subject, Schema(bad, "AVRO"))))
show("invalid", attempt(lambda: registry.register_schema(subject, Schema("{}", "AVRO"))))
show("JSON Schema", attempt(lambda: registry.register_schema(subject, Schema("{}", "JSON"))))
show("level", attempt(lambda: registry.get_compatibility()))
show("no level", attempt(lambda: registry.get_compatibility(subject)))
registry.set_compatibility(subject, "NONE")
show("own level", attempt(lambda: registry.get_compatibility(subject)))
show("accepted", attempt(lambda: registry.register_schema(subject, Schema(bad, "AVRO"))))
reference = SchemaReference("shop.Order", subject, 1)
show("reference", attempt(lambda: registry.register_schema(
    topic + "-list", Schema('{"type":"array","items":"shop.Order"}', "AVRO", [reference]))))
show("resolved", registry.get_schema(4, fmt="resolved").schema_str)
show("deleted version", attempt(lambda: registry.delete_version(subject, 3)))
show("referenced", attempt(lambda: registry.delete_subject(subject)))
show("deleted list", attempt(lambda: registry.delete_subject(topic + "-list")))
show("deleted list for good", attempt(lambda: registry.delete_subject(topic + "-list", permanent=True)))
show("deleted subject", attempt(lambda: registry.delete_subject(subject)))
show("subjects at the end", attempt(registry.get_subjects))
