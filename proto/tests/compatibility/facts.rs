//! What callers of the wire rely on, as facts: read from proto files, written one a line, and read back.

use std::{collections::BTreeSet, path::Path};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    MethodDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// One fact about the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// `message M` or `enum E` or `service S`: it exists.
    Exists { kind: String, name: String },
    /// `field M NUMBER NAME SHAPE`, where the shape is label and type; a value of an enum has none.
    Member {
        owner: String,
        number: i32,
        name: String,
        shape: String,
    },
    /// `rpc SERVICE/METHOD SIGNATURE`.
    Call { name: String, signature: String },
}

impl Fact {
    pub(super) fn line(&self) -> String {
        match self {
            Self::Exists { kind, name } => format!("{kind} {name}"),
            Self::Member {
                owner,
                number,
                name,
                shape,
            } => format!("member {owner} {number} {name} {shape}"),
            Self::Call { name, signature } => format!("rpc {name} {signature}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        let words: Vec<&str> = rest.splitn(4, ' ').collect();
        match (kind, words.as_slice()) {
            ("message" | "enum" | "service", [name]) => Some(Self::Exists {
                kind: kind.into(),
                name: (*name).into(),
            }),
            ("member", [owner, number, name, shape]) => Some(Self::Member {
                owner: (*owner).into(),
                number: number.parse().ok()?,
                name: (*name).into(),
                shape: (*shape).into(),
            }),
            ("rpc", [name, ..]) => Some(Self::Call {
                name: (*name).into(),
                signature: rest.split_once(' ')?.1.into(),
            }),
            _ => None,
        }
    }
}

/// All facts of a wire.
pub(super) type Facts = BTreeSet<Fact>;

/// Reads a listing; lines that begin with `#` are comments.
pub(super) fn parse(text: &str) -> Facts {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| Fact::parse(line).expect("a line of the listing is a fact"))
        .collect()
}

/// The facts of the proto files below a folder, compiled in memory.
pub(super) fn facts_of(folder: &Path) -> Facts {
    let set = protox::compile(["linkage/v1/linkage.proto"], [folder]).expect("proto files compile");
    let mut facts = Facts::new();
    for file in set
        .file
        .iter()
        .filter(|file| file.package().starts_with("linkage."))
    {
        file_facts(file, &mut facts);
    }
    facts
}

fn file_facts(file: &FileDescriptorProto, facts: &mut Facts) {
    let package = file.package();
    for message in &file.message_type {
        message_facts(package, message, facts);
    }
    for one in &file.enum_type {
        enum_facts(package, one, facts);
    }
    for service in &file.service {
        let name = format!("{package}.{}", service.name());
        facts.extend(service.method.iter().map(|method| call(&name, method)));
        facts.insert(Fact::Exists {
            kind: "service".into(),
            name,
        });
    }
}

fn message_facts(above: &str, message: &DescriptorProto, facts: &mut Facts) {
    let owner = format!("{above}.{}", message.name());
    for field in &message.field {
        let (name, shape) = (field.name().to_owned(), shape(&owner, message, field));
        facts.insert(Fact::Member {
            owner: owner.clone(),
            number: field.number(),
            name,
            shape,
        });
    }
    for nested in message
        .nested_type
        .iter()
        .filter(|nested| !is_map_entry(nested))
    {
        message_facts(&owner, nested, facts);
    }
    for nested in &message.enum_type {
        enum_facts(&owner, nested, facts);
    }
    facts.insert(Fact::Exists {
        kind: "message".into(),
        name: owner,
    });
}

fn enum_facts(above: &str, one: &EnumDescriptorProto, facts: &mut Facts) {
    let owner = format!("{above}.{}", one.name());
    for value in &one.value {
        let (number, name) = (value.number(), value.name().to_owned());
        facts.insert(Fact::Member {
            owner: owner.clone(),
            number,
            name,
            shape: "value".into(),
        });
    }
    facts.insert(Fact::Exists {
        kind: "enum".into(),
        name: owner,
    });
}

fn call(service: &str, method: &MethodDescriptorProto) -> Fact {
    let side = |streams: bool, name: &str| {
        format!(
            "{}{}",
            if streams { "stream " } else { "" },
            name.trim_start_matches('.')
        )
    };
    let signature = format!(
        "({}) returns ({})",
        side(method.client_streaming(), method.input_type()),
        side(method.server_streaming(), method.output_type())
    );
    Fact::Call {
        name: format!("{service}/{}", method.name()),
        signature,
    }
}

/// Label and type of a field as a proto file would write them, with the oneof it belongs to.
fn shape(owner: &str, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|nested| {
        is_map_entry(nested) && field.type_name() == format!(".{owner}.{}", nested.name())
    });
    if let Some(entry) = entry {
        let types: Vec<_> = entry.field.iter().map(type_name).collect();
        return format!("map<{}>", types.join(","));
    }
    let label = match field.label() {
        Label::Repeated => "repeated".to_owned(),
        Label::Required => "required".to_owned(),
        Label::Optional if field.proto3_optional() => "optional".to_owned(),
        Label::Optional => {
            let choice = field
                .oneof_index
                .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
            choice.map_or("singular".to_owned(), |choice| {
                format!("oneof:{}", choice.name())
            })
        }
    };
    format!("{label} {}", type_name(field))
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum | Type::Group => {
            field.type_name().trim_start_matches('.').to_owned()
        }
        scalar => scalar
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    }
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message
        .options
        .as_ref()
        .is_some_and(prost_types::MessageOptions::map_entry)
}
