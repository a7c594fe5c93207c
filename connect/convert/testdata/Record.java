// SPDX-License-Identifier: Apache-2.0

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.connect.data.*;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.*;

/**
 * Asks the converters of Kafka Connect 4.3.1 what they make of the lines of json.in and headers.in, and writes the
 * answers to json.jsonl and headers.jsonl. Needs connect-json, connect-api and what they depend on in the class path:
 * javac Record.java && TZ=UTC java Record
 */
public class Record {
    static final ObjectMapper MAPPER = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        List<String> out = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get("json.in"))) {
            int tab = line.indexOf('\t');
            if (tab >= 0) out.add(json(line.substring(0, tab), line.substring(tab + 1)));
        }
        Files.write(Paths.get("json.jsonl"), out);
        out.clear();
        for (String line : Files.readAllLines(Paths.get("headers.in"))) out.add(header(line));
        Files.write(Paths.get("headers.jsonl"), out);
    }

    /** Settings are a=b;c=d. The document is read, and what was read is written again, as JSON and as text. */
    static String json(String settings, String document) throws Exception {
        Map<String, Object> props = new HashMap<>();
        for (String s : settings.split(";")) if (!s.isEmpty()) props.put(s.split("=", 2)[0], s.split("=", 2)[1]);
        ObjectNode o = MAPPER.createObjectNode();
        o.put("settings", settings);
        o.put("in", document);
        try (JsonConverter c = new JsonConverter()) {
            c.configure(props, false);
            SchemaAndValue v = c.toConnectData("t", document.getBytes(StandardCharsets.UTF_8));
            byte[] b = c.fromConnectData("t", v.schema(), v.value());
            o.put("out", b == null ? null : new String(b, StandardCharsets.UTF_8));
            StringConverter text = new StringConverter();
            text.configure(Map.of(), false);
            byte[] t = text.fromConnectData("t", v.schema(), v.value());
            o.put("text", t == null ? null : new String(t, StandardCharsets.UTF_8));
        } catch (Exception e) {
            o.put("error", e.getMessage());
        }
        return MAPPER.writeValueAsString(o);
    }

    static String header(String text) throws Exception {
        ObjectNode o = MAPPER.createObjectNode();
        o.put("in", text);
        SimpleHeaderConverter c = new SimpleHeaderConverter();
        SchemaAndValue v = c.toConnectHeader("t", "h", text.getBytes(StandardCharsets.UTF_8));
        o.put("type", v == null ? "null" : describe(v.schema()));
        byte[] b = v == null ? null : c.fromConnectHeader("t", "h", v.schema(), v.value());
        o.put("out", b == null ? null : new String(b, StandardCharsets.UTF_8));
        return MAPPER.writeValueAsString(o);
    }

    static String describe(Schema s) {
        if (s == null) return "none";
        switch (s.type()) {
            case ARRAY: return s.valueSchema() == null ? "none" : "array(" + describe(s.valueSchema()) + ")";
            case MAP: return s.valueSchema() == null || s.keySchema() == null ? "none" : "map(" + describe(s.keySchema()) + "," + describe(s.valueSchema()) + ")";
            default: return s.name() == null ? s.type().toString() : s.name().substring(s.name().lastIndexOf('.') + 1);
        }
    }
}
