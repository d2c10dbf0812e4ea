//! The site file as it is written, and the way from there to checked values.

use serde::Deserialize;

use super::{
    Site,
    field::{
        addresses, filled, list, listen_port, networks, port, put_path, range, same_family, union,
    },
};
use crate::{
    catalogue::Role,
    error::FirmwareError,
    limits::{CONNECTIONS_PER_MINUTE_MAX, DELAY_MINUTES_MAX, MEMORY_GIB_MAX},
    values::{Value, Values, at},
};

/// Where programs may lie: folders that no service can write.
const PROGRAM_FOLDERS: &[&str] = &["/usr", "/opt"];
const CONFIG_FOLDERS: &[&str] = &["/etc"];
/// Where a service may write: never where programs or settings lie.
const STATE_FOLDERS: &[&str] = &["/var/lib", "/srv"];
/// Where exports may lie: not in home or temporary folders, which the sandbox hides.
const EXPORT_FOLDERS: &[&str] = &["/srv", "/mnt", "/media", "/var/lib", "/var/spool"];
const DEVICE_FOLDERS: &[&str] = &["/dev"];
const CREDENTIAL_FOLDERS: &[&str] = &["/etc/credstore.encrypted"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSite {
    host: RawHost,
    appliance: RawAppliance,
    tokenizer: RawTokenizer,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHost {
    name: String,
    login_networks: Vec<String>,
    time_servers: Vec<String>,
    name_servers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAppliance {
    enabled: bool,
    program: String,
    config: String,
    data: String,
    grpc_address: String,
    grpc_port: u16,
    admin_address: String,
    admin_port: u16,
    source_networks: Vec<String>,
    processing_networks: Vec<String>,
    admin_networks: Vec<String>,
    connections_per_minute: u32,
    memory_gib: u32,
    hsm: RawHsm,
    witness: RawWitness,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHsm {
    module: String,
    pin_credential: String,
    paths: Vec<String>,
    devices: Vec<String>,
    addresses: Vec<String>,
    port: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWitness {
    addresses: Vec<String>,
    port: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTokenizer {
    enabled: bool,
    program: String,
    config: String,
    state: String,
    exports: String,
    appliance_addresses: Vec<String>,
    appliance_port: u16,
    file_servers: Vec<String>,
    run_at: String,
    delay_minutes: u32,
    memory_gib: u32,
}

impl RawSite {
    /// A disabled block is checked like an enabled one, so that switching over is no surprise.
    pub(super) fn resolve(self) -> Result<Site, FirmwareError> {
        let role = match (self.appliance.enabled, self.tokenizer.enabled) {
            (true, false) => Role::Appliance,
            (false, true) => Role::Tokenizer,
            (true, true) | (false, false) => return Err(FirmwareError::Role),
        };
        let mut values = Values::default();
        values.put_one(
            "host_name",
            Value::host_name(&self.host.name).map_err(at("host.name"))?,
        );
        values.put(
            "login_networks",
            networks("host.login_networks", &self.host.login_networks)?,
        );
        values.put(
            "time_servers",
            filled(
                "host.time_servers",
                addresses("host.time_servers", &self.host.time_servers)?,
            )?,
        );
        let name_servers = addresses("host.name_servers", &self.host.name_servers)?;
        values.put("name_servers", name_servers.clone());
        self.appliance.resolve(&mut values)?;
        self.tokenizer.resolve(&name_servers, &mut values)?;
        Ok(Site { role, values })
    }
}

impl RawAppliance {
    fn resolve(self, values: &mut Values) -> Result<(), FirmwareError> {
        put_path(
            values,
            "appliance_program",
            "appliance.program",
            &self.program,
            PROGRAM_FOLDERS,
        )?;
        put_path(
            values,
            "appliance_config",
            "appliance.config",
            &self.config,
            CONFIG_FOLDERS,
        )?;
        put_path(
            values,
            "appliance_data",
            "appliance.data",
            &self.data,
            STATE_FOLDERS,
        )?;
        values.put_one(
            "connections_per_minute",
            range(
                "appliance.connections_per_minute",
                self.connections_per_minute,
                1,
                CONNECTIONS_PER_MINUTE_MAX,
            )?,
        );
        values.put_one(
            "appliance_memory_gib",
            range("appliance.memory_gib", self.memory_gib, 1, MEMORY_GIB_MAX)?,
        );
        let grpc_port = listen_port("appliance.grpc_port", self.grpc_port)?;
        let admin_port = listen_port("appliance.admin_port", self.admin_port)?;
        if grpc_port == admin_port {
            return Err(FirmwareError::PortCollision);
        }
        values.put_one("grpc_port", grpc_port);
        values.put_one("admin_port", admin_port);

        let grpc_address =
            Value::address(&self.grpc_address).map_err(at("appliance.grpc_address"))?;
        let admin_address =
            Value::address(&self.admin_address).map_err(at("appliance.admin_address"))?;
        let sources = networks("appliance.source_networks", &self.source_networks)?;
        let processing = networks("appliance.processing_networks", &self.processing_networks)?;
        let admins = networks("appliance.admin_networks", &self.admin_networks)?;
        let sources = filled("appliance.source_networks", sources)?;
        same_family("appliance.source_networks", &sources, &grpc_address)?;
        same_family("appliance.processing_networks", &processing, &grpc_address)?;
        same_family("appliance.admin_networks", &admins, &admin_address)?;
        let hsm = addresses("appliance.hsm.addresses", &self.hsm.addresses)?;
        let witness = addresses("appliance.witness.addresses", &self.witness.addresses)?;

        let callers = union(&[&sources, &processing]);
        values.put(
            "appliance_peers",
            union(&[&callers, &admins, &hsm, &witness]),
        );
        values.put("grpc_callers", callers);
        values.put("admin_callers", admins);
        values.put_one("grpc_address", grpc_address);
        values.put_one("admin_address", admin_address);
        values.put("witness_addresses", witness);
        values.put_one(
            "witness_port",
            port("appliance.witness.port", self.witness.port)?,
        );
        values.put("hsm_addresses", hsm);
        self.hsm.resolve(values)
    }
}

impl RawHsm {
    fn resolve(self, values: &mut Values) -> Result<(), FirmwareError> {
        put_path(
            values,
            "pkcs11_module",
            "appliance.hsm.module",
            &self.module,
            PROGRAM_FOLDERS,
        )?;
        put_path(
            values,
            "pin_credential",
            "appliance.hsm.pin_credential",
            &self.pin_credential,
            CREDENTIAL_FOLDERS,
        )?;
        let paths = list("appliance.hsm.paths", &self.paths, |text| {
            Value::path(text, STATE_FOLDERS)
        })?;
        let devices = list("appliance.hsm.devices", &self.devices, |text| {
            Value::path(text, DEVICE_FOLDERS)
        })?;
        values.put("hsm_paths", paths);
        values.put("hsm_devices", devices);
        values.put_one("hsm_port", port("appliance.hsm.port", self.port)?);
        Ok(())
    }
}

impl RawTokenizer {
    fn resolve(self, name_servers: &[Value], values: &mut Values) -> Result<(), FirmwareError> {
        put_path(
            values,
            "tokenizer_program",
            "tokenizer.program",
            &self.program,
            PROGRAM_FOLDERS,
        )?;
        put_path(
            values,
            "tokenizer_config",
            "tokenizer.config",
            &self.config,
            CONFIG_FOLDERS,
        )?;
        put_path(
            values,
            "tokenizer_state",
            "tokenizer.state",
            &self.state,
            STATE_FOLDERS,
        )?;
        put_path(
            values,
            "tokenizer_exports",
            "tokenizer.exports",
            &self.exports,
            EXPORT_FOLDERS,
        )?;
        let appliance = addresses("tokenizer.appliance_addresses", &self.appliance_addresses)?;
        let appliance = filled("tokenizer.appliance_addresses", appliance)?;
        values.put("tokenizer_peers", union(&[&appliance, name_servers]));
        values.put("appliance_addresses", appliance);
        values.put_one(
            "appliance_port",
            port("tokenizer.appliance_port", self.appliance_port)?,
        );
        values.put(
            "file_servers",
            addresses("tokenizer.file_servers", &self.file_servers)?,
        );
        values.put_one(
            "tokenizer_run_at",
            Value::time_of_day(&self.run_at).map_err(at("tokenizer.run_at"))?,
        );
        values.put_one(
            "tokenizer_delay_minutes",
            range(
                "tokenizer.delay_minutes",
                self.delay_minutes,
                0,
                DELAY_MINUTES_MAX,
            )?,
        );
        values.put_one(
            "tokenizer_memory_gib",
            range("tokenizer.memory_gib", self.memory_gib, 1, MEMORY_GIB_MAX)?,
        );
        Ok(())
    }
}
