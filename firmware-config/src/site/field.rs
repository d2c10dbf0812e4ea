//! One field of a site file at a time: checked, and named by its key where it is refused.

use crate::{
    error::{FirmwareError, Problem},
    limits::{LIST_ENTRIES_MAX, LISTEN_PORT_MIN},
    values::{Value, Values, at},
};

pub(super) fn put_path(
    values: &mut Values,
    name: &'static str,
    key: &str,
    text: &str,
    folders: &[&str],
) -> Result<(), FirmwareError> {
    values.put_one(name, Value::path(text, folders).map_err(at(key))?);
    Ok(())
}

pub(super) fn networks(key: &str, texts: &[String]) -> Result<Vec<Value>, FirmwareError> {
    list(key, texts, Value::network)
}

pub(super) fn addresses(key: &str, texts: &[String]) -> Result<Vec<Value>, FirmwareError> {
    list(key, texts, Value::address)
}

pub(super) fn list(
    key: &str,
    texts: &[String],
    one: impl Fn(&str) -> Result<Value, Problem>,
) -> Result<Vec<Value>, FirmwareError> {
    if texts.len() > LIST_ENTRIES_MAX {
        return Err(at(key)(Problem::Entries));
    }
    let mut values: Vec<Value> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let position = || at(format!("{key}[{index}]"));
        let value = one(text).map_err(position())?;
        if values.contains(&value) {
            return Err(position()(Problem::Twice));
        }
        values.push(value);
    }
    Ok(values)
}

pub(super) fn filled(key: &str, values: Vec<Value>) -> Result<Vec<Value>, FirmwareError> {
    if values.is_empty() {
        Err(at(key)(Problem::Empty))
    } else {
        Ok(values)
    }
}

pub(super) fn same_family(
    key: &str,
    callers: &[Value],
    listener: &Value,
) -> Result<(), FirmwareError> {
    match callers
        .iter()
        .position(|caller| caller.family() != listener.family())
    {
        Some(index) => Err(at(format!("{key}[{index}]"))(Problem::Family)),
        None => Ok(()),
    }
}

/// The values of all lists in order, each once.
pub(super) fn union(lists: &[&[Value]]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for value in lists.iter().copied().flatten() {
        if !all.contains(value) {
            all.push(value.clone());
        }
    }
    all
}

pub(super) fn listen_port(key: &str, number: u16) -> Result<Value, FirmwareError> {
    if number < LISTEN_PORT_MIN {
        return Err(at(key)(Problem::ListenPort));
    }
    Ok(Value::number(u32::from(number)))
}

pub(super) fn port(key: &str, number: u16) -> Result<Value, FirmwareError> {
    if number == 0 {
        return Err(at(key)(Problem::Port));
    }
    Ok(Value::number(u32::from(number)))
}

pub(super) fn range(key: &str, number: u32, low: u32, high: u32) -> Result<Value, FirmwareError> {
    if (low..=high).contains(&number) {
        Ok(Value::number(number))
    } else {
        Err(at(key)(Problem::Range))
    }
}
