//! The reference of the HTTP API as a page, made of the OpenAPI document.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What a page begins with.
const HEAD: &str = "# HTTP API, call by call\n\nThis page is made of [openapi.json](openapi.json). \
    [The guide](guide/http.md) explains the API.\n";

/// Rules of a schema, with the words for them.
const BOUNDS: [(&str, &str); 9] = [
    ("format", "format"),
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("minLength", "characters at least"),
    ("maxLength", "characters at most"),
    ("minItems", "items at least"),
    ("maxItems", "items at most"),
    ("pattern", "pattern"),
    ("default", "default"),
];

/// The page, as Markdown: the calls by tag, then the types.
pub(super) fn reference(document: &Value) -> Result<String> {
    let paths = document["paths"].as_object().context("the OpenAPI document has no paths")?;
    let mut page = HEAD.to_owned();
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(tag, "name");
        page += &format!("\n## Calls: {name}\n\n{}\n", prose(text(tag, "description")));
        for (path, method, call) in calls(paths, name) {
            page += &call_section(path, method, call);
        }
    }
    page += "\n## Types\n";
    let schemas = document["components"]["schemas"].as_object();
    for (name, schema) in schemas.context("the OpenAPI document has no schemas")? {
        page += &type_section(name, schema);
    }
    Ok(page)
}

/// The calls that have a tag: path, method and what is stated of it.
fn calls<'a>(
    paths: &'a Map<String, Value>,
    tag: &str,
) -> impl Iterator<Item = (&'a String, &'a String, &'a Value)> {
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, call)| (path, method, call))
    });
    all.filter(move |(_, _, call)| {
        let mut tags = call["tags"].as_array().into_iter().flatten();
        tags.any(|name| name == tag)
    })
}

fn call_section(path: &str, method: &str, call: &Value) -> String {
    let id = text(call, "operationId");
    let mut section = format!("\n### {} {path} {{#{id}}}\n", method.to_uppercase());
    for key in ["summary", "description"] {
        let words = text(call, key);
        if !words.is_empty() {
            section += &format!("\n{}\n", prose(words));
        }
    }
    section += &parameters(call);
    if let Some(content) = call["requestBody"]["content"].as_object() {
        section += &format!("\nBody: {}.\n", bodies(content));
    }
    section += "\n| status | answer | body |\n|---|---|---|\n";
    for (status, answer) in call["responses"].as_object().into_iter().flatten() {
        let body = answer["content"].as_object().map(bodies).unwrap_or_default();
        section += &format!("| {status} | {} | {body} |\n", cell(text(answer, "description")));
    }
    section
}

fn parameters(call: &Value) -> String {
    let rows = call["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let is_needed = parameter["required"] == true;
        let words = text(parameter, "description");
        row(text(parameter, "name"), text(parameter, "in"), is_needed, &parameter["schema"], words)
    });
    let rows: String = rows.collect();
    match rows.is_empty() {
        true => rows,
        false => format!("\n| parameter | in | type | |\n|---|---|---|---|\n{rows}"),
    }
}

fn row(name: &str, place: &str, is_needed: bool, schema: &Value, words: &str) -> String {
    let needed = if is_needed { "required" } else { "optional" };
    let place = if place.is_empty() { needed.to_owned() } else { format!("{place}, {needed}") };
    let kind = [kind(schema), bounds(schema)].join(" ");
    format!("| `{name}` | {place} | {} | {} |\n", kind.trim(), cell(words))
}

/// Media types with their types.
fn bodies(content: &Map<String, Value>) -> String {
    let named = content.iter().map(|(media, body)| match kind(&body["schema"]) {
        kind if kind.is_empty() => format!("`{media}`"),
        kind => format!("`{media}`: {kind}"),
    });
    named.collect::<Vec<_>>().join("; ")
}

fn type_section(name: &str, schema: &Value) -> String {
    let words = prose(text(schema, "description"));
    let mut section = format!("\n### {name} {{#{}}}\n\n{words}\n", anchor(name));
    let required = schema["required"].as_array();
    let properties = schema["properties"].as_object();
    let Some(properties) = properties.filter(|properties| !properties.is_empty()) else {
        let kind = [kind(schema), bounds(schema)].join(" ");
        return section + &format!("\nType: {}.\n", kind.trim());
    };
    section += "\n| field | | type | |\n|---|---|---|---|\n";
    for (field, schema) in properties {
        let is_needed = required.is_some_and(|required| required.iter().any(|name| name == field));
        section += &row(field, "", is_needed, schema, text(schema, "description"));
    }
    section
}

/// A type in words, with a link if it has a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", anchor(name));
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(kinds) = schema[key].as_array() {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("array of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            let items =
                if names.contains(&"array") { kind(&schema["items"]) } else { String::new() };
            [names.join(" or "), items].join(" ").trim_end().to_owned()
        }
        _ => String::new(),
    }
}

fn bounds(schema: &Value) -> String {
    let stated = BOUNDS.iter().filter_map(|(key, words)| {
        let value = schema.get(key).filter(|value| !value.is_null())?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{words} `{}`", value.replace('|', "\\|")))
    });
    let stated: Vec<_> = stated.collect();
    if stated.is_empty() { String::new() } else { format!("({})", stated.join(", ")) }
}

fn anchor(name: &str) -> String {
    format!("type-{}", name.to_lowercase())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Text of the document, in which `<` begins no tag.
fn prose(words: &str) -> String {
    words.replace('<', "&lt;")
}

/// Text in one cell of a table.
fn cell(words: &str) -> String {
    prose(words).replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::root;
    use crate::sources::read;

    #[test]
    fn every_call_and_type_of_the_service_is_there() {
        let document = read(&root().unwrap().join("docs/openapi.json")).unwrap();
        let document: Value = serde_json::from_str(&document).unwrap();
        let page = reference(&document).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let heading = format!("\n### {} {path} {{#", method.to_uppercase());
                assert!(page.contains(&heading), "{heading}");
            }
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("\n### {name} {{#type-")), "{name}");
        }
    }

    #[test]
    fn a_field_has_its_type_its_bounds_and_its_words() {
        let schema = json!({"type": "object", "required": ["label"], "properties": {
            "label": {"type": "string", "maxLength": 128, "description": "Its\nname, a|b or <c>."},
            "others": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/Few"}},
        }});
        let section = type_section("Class", &schema);
        let label = "| `label` | required | string (characters at most `128`) | \
                     Its name, a\\|b or &lt;c>. |\n";
        assert!(section.contains(label), "{section}");
        let others = "| `others` | optional | array or null [Few](#type-few) |  |\n";
        assert!(section.contains(others), "{section}");
    }

    #[test]
    fn a_call_has_its_parameters_body_and_answers() {
        let call = json!({"operationId": "read", "summary": "Reads.", "tags": ["a"],
            "parameters": [{"name": "top", "in": "query", "schema": {"type": "integer"}}],
            "requestBody": {"content": {"image/*": {}}},
            "responses": {"200": {"description": "Done"}}});
        let section = call_section("/v1/a", "get", &call);
        assert!(section.starts_with("\n### GET /v1/a {#read}\n\nReads.\n"), "{section}");
        assert!(section.contains("| `top` | query, optional | integer |  |"), "{section}");
        assert!(section.contains("\nBody: `image/*`.\n"), "{section}");
        assert!(section.contains("| 200 | Done |  |"), "{section}");
    }
}
