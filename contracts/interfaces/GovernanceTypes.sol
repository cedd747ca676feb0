// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

// The types of the governance contracts. A proposal is judged when it is made; what was judged is kept in one storage word beside
// it and never changes, so that no later decision can save or doom a proposal that already exists.

/// What kind of decision a proposal is; a later kind asks for more. NONE is never the kind of a proposal.
enum Kind {
    NONE,
    PARAMETER,
    MARKET_ADDITION,
    RISK_CONFIGURATION,
    UPGRADE
}

/// What a kind asks of a proposal.
struct KindTerms {
    uint16 quorumBps; // for + abstain, of the whole supply; 1e4 = all of it
    uint16 approvalBps; // for must be more than this part of for + against
    uint24 extraDelay; // seconds on top of the timelock's delay
}

/// How a selector of a target is classified.
struct KindRow {
    address target;
    bytes4 selector;
    Kind kind;
}

/// What is kept of a proposal beside OpenZeppelin's own record: one word.
/// `| codePin 176 | extraDelay 24 | approvalBps 16 | quorumBps 16 | isClosed 8 | isGuardianOnly 8 | kind 8 |`
struct ProposalTerms {
    Kind kind; // the highest of its actions; NONE: no such proposal
    bool isGuardianOnly; // its only actions change the guardian, who cannot cancel it
    bool isClosed; // it expired while queued and its operation was cancelled in the timelock
    uint16 quorumBps;
    uint16 approvalBps;
    uint24 extraDelay; // seconds
    bytes22 codePin; // first 176 bits of the hash of its targets' code hashes
}

/// What a governor starts with. Times in seconds, `guardianExpiry` in Unix seconds.
struct GovernorSetup {
    uint48 votingDelay; // from a proposal to its snapshot
    uint32 votingPeriod; // from the snapshot on
    uint48 lateExtension; // least time between reaching quorum and the end of voting
    uint256 threshold; // raw YELLOW of votes that a proposer needs
    uint256 quorumFloorBps; // quorum of every kind is at least this
    address guardian; // zero: nobody
    uint48 guardianExpiry; // zero with a zero guardian
}
