//! The appliance as a process of the demo.

use std::{fs, path::Path};

use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, interval},
};

use super::{
    Programs,
    folder::Folder,
    process::{Crew, Running},
};
use crate::{
    error::BenchError,
    limits::{MEMORY_POLL, READY_WAIT},
};

/// Where the appliance listens.
#[derive(Debug, Clone, Deserialize)]
pub struct Ports {
    /// Host and port of gRPC.
    pub grpc: String,
    /// Host and port of the admin pages.
    pub admin: String,
}

/// The running appliance. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    running: Running,
    crew: Crew,
    ports: Ports,
}

/// Starts the appliance and waits until it is ready.
///
/// # Errors
/// [`BenchError::Child`] if it ends instead, [`BenchError::NotReady`] if it does neither.
pub async fn start(
    crew: &Crew,
    programs: &Programs,
    folder: &Folder,
) -> Result<Server, BenchError> {
    let port_file = folder.appliance().join("ports.json");
    if port_file.exists() {
        fs::remove_file(&port_file).map_err(crate::error::file("remove the old port file"))?;
    }
    let config = folder
        .appliance()
        .join("appliance.toml")
        .display()
        .to_string();
    let mut running = crew.start(
        "appliance",
        &programs.appliance,
        &["serve", "--config", &config],
    )?;
    tokio::select! {
        status = running.wait() => Err(crew.failure("appliance", status?)),
        ports = ready(&port_file) => match ports {
            Some(ports) => Ok(ports),
            None => Err(BenchError::NotReady { log: crew.log("appliance") }),
        },
    }
    .map(|ports| Server {
        running,
        crew: crew.clone(),
        ports,
    })
}

async fn ready(port_file: &Path) -> Option<Ports> {
    let start = Instant::now();
    let mut clock = interval(MEMORY_POLL);
    while start.elapsed() < READY_WAIT {
        clock.tick().await;
        let ports: Option<Ports> = fs::read(port_file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(ports) = ports
            && answers(&ports.admin).await
        {
            return Some(ports);
        }
    }
    None
}

/// Whether `/ready` says 200.
async fn answers(admin: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(admin).await else {
        return false;
    };
    let request = format!("GET /ready HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    let mut reply = Vec::new();
    stream.write_all(request.as_bytes()).await.is_ok()
        && stream.read_to_end(&mut reply).await.is_ok()
        && reply.starts_with(b"HTTP/1.1 200 ")
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Notes the memory used so far.
    pub fn look(&self) {
        self.running.look();
    }

    /// Waits for an end that nobody asked for.
    pub async fn wait(&mut self) -> BenchError {
        match self.running.wait().await {
            Ok(status) => self.crew.failure("appliance", status),
            Err(error) => error,
        }
    }

    /// Kills the appliance at once, as a power cut would.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say how it ended.
    pub async fn kill(&mut self) -> Result<(), BenchError> {
        self.running.kill().await
    }

    /// Ends the appliance in good order.
    ///
    /// # Errors
    /// [`BenchError::File`] if the system cannot say how it ended.
    pub async fn stop(&mut self) -> Result<(), BenchError> {
        self.running.stop().await
    }
}
