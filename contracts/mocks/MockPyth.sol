// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AbstractPyth} from "@pythnetwork/pyth-sdk-solidity/AbstractPyth.sol";
import {IPyth} from "@pythnetwork/pyth-sdk-solidity/IPyth.sol";
import {PythErrors} from "@pythnetwork/pyth-sdk-solidity/PythErrors.sol";
import {PythStructs} from "@pythnetwork/pyth-sdk-solidity/PythStructs.sol";
import {Misbehaving} from "./Misbehaving.sol";

/// @title Pyth's price contract
/// @custom:security-contact See SECURITY.md
/// @notice Behaves like the deployed contract where the SDK's own mock does not: a fee for each price in an update and one for the
/// transaction; what is paid above the fee is kept; a stored price is replaced by later ones only; parsing stores nothing unless
/// asked; the
/// unique variant checks the publish time before. Reading reverts until a price was delivered.
contract MockPyth is AbstractPyth, Misbehaving {
    /// @notice One price of an update. An entry of update data is `abi.encode(Update[])`.
    struct Update {
        bytes32 id;
        int64 price;
        uint64 conf;
        int32 expo;
        uint64 publishTime;
        uint64 prevPublishTime;
        int64 emaPrice;
        uint64 emaConf;
    }

    /// @dev As the deployed contract packs it: the price in one slot, the average in another. The mode stands in the price's slot too, so
    /// that a read costs what it costs there.
    struct Info {
        uint64 publishTime;
        int32 expo;
        int64 price;
        uint64 conf;
        Mode mode;
        int64 emaPrice;
        uint64 emaConf;
    }

    uint256 private constant VALID_PERIOD = 60;

    /// @notice Wei for each price delivered.
    uint256 public updateFee;

    /// @notice Wei for each call that delivers.
    uint256 public transactionFee;

    mapping(bytes32 id => Info) private _infos;
    bytes32[] private _ids;

    /// @param updateFee_ Wei for each price.
    /// @param transactionFee_ Wei for each call.
    constructor(uint256 updateFee_, uint256 transactionFee_) {
        updateFee = updateFee_;
        transactionFee = transactionFee_;
    }

    /// @notice Change the fees, as Pyth's governance can.
    /// @param updateFee_ Wei for each price.
    /// @param transactionFee_ Wei for each call.
    function setFees(uint256 updateFee_, uint256 transactionFee_) external {
        updateFee = updateFee_;
        transactionFee = transactionFee_;
    }

    /* DELIVER */

    /// @inheritdoc IPyth
    function updatePriceFeeds(bytes[] calldata updateData) public payable override {
        uint256 total;
        for (uint256 i = 0; i < updateData.length; ++i) {
            Update[] memory updates = _parse(updateData[i]);
            total += updates.length;
            for (uint256 j = 0; j < updates.length; ++j) {
                _store(updates[j]);
            }
        }
        _requireFee(_fee(total));
    }

    /// @inheritdoc IPyth
    function parsePriceFeedUpdates(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable override returns (PythStructs.PriceFeed[] memory feeds) {
        (feeds, ) = _extract(updateData, priceIds, minPublishTime, maxPublishTime, false, false);
    }

    /// @inheritdoc IPyth
    function parsePriceFeedUpdatesUnique(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minPublishTime,
        uint64 maxPublishTime
    ) external payable override returns (PythStructs.PriceFeed[] memory feeds) {
        (feeds, ) = _extract(updateData, priceIds, minPublishTime, maxPublishTime, true, false);
    }

    /// @inheritdoc IPyth
    function parsePriceFeedUpdatesWithConfig(
        bytes[] calldata updateData,
        bytes32[] calldata priceIds,
        uint64 minAllowedPublishTime,
        uint64 maxAllowedPublishTime,
        bool checkUniqueness,
        bool checkUpdateDataIsMinimal,
        bool storeUpdatesIfFresh
    ) external payable returns (PythStructs.PriceFeed[] memory feeds, uint64[] memory slots) {
        uint256 total;
        (feeds, total) = _extract(
            updateData,
            priceIds,
            minAllowedPublishTime,
            maxAllowedPublishTime,
            checkUniqueness,
            storeUpdatesIfFresh
        );
        if (checkUpdateDataIsMinimal && total != priceIds.length) revert PythErrors.InvalidArgument();
        // this chain has one slot a second
        slots = new uint64[](feeds.length);
        for (uint256 i = 0; i < feeds.length; ++i) {
            slots[i] = uint64(feeds[i].price.publishTime);
        }
    }

    /// @inheritdoc IPyth
    /// @dev Update data here holds prices, no averages: refused as the deployed contract refuses data of another kind.
    function parseTwapPriceFeedUpdates(
        bytes[] calldata,
        bytes32[] calldata
    ) external payable override returns (PythStructs.TwapPriceFeed[] memory) {
        revert PythErrors.InvalidUpdateData();
    }

    /* READ */

    /// @inheritdoc AbstractPyth
    function getPriceUnsafe(bytes32 id) public view override returns (PythStructs.Price memory price) {
        Info storage info = _infos[id];
        price.publishTime = info.publishTime;
        price.expo = info.expo;
        price.price = info.price;
        price.conf = info.conf;
        Mode mode_ = info.mode;
        _misbehave(price.publishTime == 0 ? mode : mode_);
        if (price.publishTime == 0) revert PythErrors.PriceFeedNotFound();
    }

    /// @inheritdoc AbstractPyth
    function queryPriceFeed(bytes32 id) public view override returns (PythStructs.PriceFeed memory feed) {
        Info storage info = _infos[id];
        if (info.publishTime == 0) revert PythErrors.PriceFeedNotFound();
        feed.id = id;
        feed.price = PythStructs.Price(info.price, info.conf, info.expo, info.publishTime);
        feed.emaPrice = PythStructs.Price(info.emaPrice, info.emaConf, info.expo, info.publishTime);
    }

    /// @inheritdoc AbstractPyth
    function priceFeedExists(bytes32 id) public view override returns (bool exists) {
        return _infos[id].publishTime != 0;
    }

    /// @inheritdoc IPyth
    function getUpdateFee(bytes[] calldata updateData) public view override returns (uint256 feeAmount) {
        uint256 total;
        for (uint256 i = 0; i < updateData.length; ++i) {
            total += _parse(updateData[i]).length;
        }
        return _fee(total);
    }

    /// @inheritdoc IPyth
    function getTwapUpdateFee(bytes[] calldata updateData) external view override returns (uint256 feeAmount) {
        return getUpdateFee(updateData);
    }

    /// @inheritdoc AbstractPyth
    function getValidTimePeriod() public pure override returns (uint256 validTimePeriod) {
        return VALID_PERIOD;
    }

    /* INTERNALS */

    /// @dev The one seam: the deployed contract verifies signatures and Merkle proofs here and reads its own encoding. Whoever calls this
    /// mock is believed.
    function _parse(bytes calldata data) private pure returns (Update[] memory) {
        return abi.decode(data, (Update[]));
    }

    function _store(Update memory u) private {
        Info storage info = _infos[u.id];
        if (u.publishTime <= info.publishTime) return;
        if (info.publishTime == 0) _ids.push(u.id);
        _infos[u.id] = Info(u.publishTime, u.expo, u.price, u.conf, mode, u.emaPrice, u.emaConf);
        emit PriceFeedUpdate(u.id, u.publishTime, u.price, u.conf);
    }

    function _setMode(Mode mode_) internal override {
        super._setMode(mode_);
        for (uint256 i = 0; i < _ids.length; ++i) {
            _infos[_ids[i]].mode = mode_;
        }
    }

    /// @dev For each id the first update within the range; uniqueness means that no earlier update of the range exists.
    function _extract(
        bytes[] calldata updateData,
        bytes32[] calldata ids,
        uint64 min,
        uint64 max,
        bool unique,
        bool store
    ) private returns (PythStructs.PriceFeed[] memory feeds, uint256 total) {
        feeds = new PythStructs.PriceFeed[](ids.length);
        for (uint256 i = 0; i < updateData.length; ++i) {
            Update[] memory updates = _parse(updateData[i]);
            total += updates.length;
            for (uint256 j = 0; j < updates.length; ++j) {
                Update memory u = updates[j];
                if (store) _store(u);
                bool inRange = min <= u.publishTime && u.publishTime <= max;
                if (inRange && (!unique || u.prevPublishTime < min)) _place(feeds, ids, u);
            }
        }
        _requireFee(_fee(total));
        for (uint256 i = 0; i < ids.length; ++i) {
            if (feeds[i].id == 0) revert PythErrors.PriceFeedNotFoundWithinRange();
        }
    }

    function _place(PythStructs.PriceFeed[] memory feeds, bytes32[] calldata ids, Update memory u) private pure {
        for (uint256 i = 0; i < ids.length; ++i) {
            if (ids[i] != u.id || feeds[i].id != 0) continue;
            feeds[i].id = u.id;
            feeds[i].price = PythStructs.Price(u.price, u.conf, u.expo, u.publishTime);
            feeds[i].emaPrice = PythStructs.Price(u.emaPrice, u.emaConf, u.expo, u.publishTime);
        }
    }

    function _fee(uint256 prices) private view returns (uint256) {
        return prices * updateFee + transactionFee;
    }

    function _requireFee(uint256 fee) private view {
        if (msg.value < fee) revert PythErrors.InsufficientFee();
    }
}
