//! One question about one token. It is asked once: somebody waits for the answer at a desk, and ten
//! minutes of patience would be none.

use linkage_proto::v1::{ResolveTokenRequest, ResolveTokenResponse, linkage_client::LinkageClient};

use super::{Uplink, unary};
use crate::{error::AgentError, limits};

impl Uplink {
    /// Whose a token is, as far as this desk may know.
    ///
    /// # Errors
    /// What the appliance or the way to it says.
    pub async fn resolve_token(
        &self,
        question: ResolveTokenRequest,
    ) -> Result<ResolveTokenResponse, AgentError> {
        let client = LinkageClient::new(self.channel.clone());
        let mut client = client.max_decoding_message_size(limits::ANSWER_BYTES_MAX);
        self.once(async |_intake| client.resolve_token(unary(question)).await)
            .await
    }
}
