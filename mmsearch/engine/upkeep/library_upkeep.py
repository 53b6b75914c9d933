"""What keeps an index sound, as the user of a library sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.interrupts import InterruptibleProgress
from mmsearch.engine.progress import ProgressListener, SilentProgress

if TYPE_CHECKING:
    from mmsearch.engine.factory import Factory
    from mmsearch.engine.upkeep.backup_records import BackupRecord, RestoreReport
    from mmsearch.engine.upkeep.findings import (
        OptimizeReport,
        RepairReport,
        UpkeepListener,
        VerifyOptions,
        VerifyReport,
    )
    from mmsearch.engine.upkeep.model_records import (
        DroppedSpace,
        MigrationOptions,
        MigrationReport,
        RollbackReport,
    )


class Upkeep:
    """The part of a library that checks, mends and changes its index as a whole."""

    _factory: Factory

    def verify(
        self,
        options: VerifyOptions | None = None,
        progress: UpkeepListener | None = None,
    ) -> VerifyReport:
        """What is wrong with the index, if anything: the whole of it is read, nothing is changed.

        Args:
            options: How the picture files are checked; None: a sample of them is read whole.
            progress: Told what happens, in the calling thread.

        Raises:
            CatalogueError: There is no index yet, or its catalogue cannot even be opened.
        """
        from mmsearch.engine.upkeep.findings import SilentUpkeep, VerifyOptions
        from mmsearch.engine.upkeep.verification import verify

        with self._factory.catalogues.lease() as catalogue:
            folder = self._factory.settings.index_dir
            return verify(catalogue, folder, options or VerifyOptions(), progress or SilentUpkeep())

    def repair(self, progress: UpkeepListener | None = None) -> RepairReport:
        """Mend what can be mended without the pictures, and tell what that was.

        Vector files that differ from the catalogue are rebuilt; damaged embeddings and region
        features are dropped, and the next `index` makes them anew.

        Raises:
            CatalogueError: There is no index yet; or SQLite finds its catalogue damaged, which is
                then left alone.
            VectorIndexError: A vector file cannot be written.
        """
        from mmsearch.engine.upkeep.findings import SilentUpkeep
        from mmsearch.engine.upkeep.repair import repair

        with self._factory.catalogues.lease() as catalogue:
            return repair(catalogue, self._factory.settings.index_dir, progress or SilentUpkeep())

    def optimize(self, progress: UpkeepListener | None = None) -> OptimizeReport:
        """Make vector files anew where that makes questions quicker, and tell which.

        Changes since a large file was made are put into it, and its lists are trained again where
        they no longer fit. Other processes and threads go on with the old file meanwhile.

        Args:
            progress: Told which file it is at, in the calling thread.

        Raises:
            CatalogueError: There is no index yet.
            VectorIndexError: A vector file cannot be written.
        """
        from mmsearch.engine.upkeep.findings import SilentUpkeep
        from mmsearch.engine.upkeep.optimizing import optimize

        with self._factory.catalogues.lease() as catalogue:
            return optimize(catalogue, self._factory.settings.index_dir, progress or SilentUpkeep())

    def migrate(
        self, options: MigrationOptions, progress: ProgressListener | None = None
    ) -> MigrationReport:
        """Embed all there is for another model, then let questions use that one.

        Questions go on with the present model until all is there and the switch is made, in one
        transaction. What is embedded already is not embedded again. With pictures that cannot be
        embedded it is not made, unless `options` say so. Ctrl-C keeps what was done.

        Raises:
            ModelError: There is no such model, or it cannot be loaded.
            CatalogueError: There is no index yet.
        """
        with (
            InterruptibleProgress(progress or SilentProgress()) as watched,
            self._factory.migration(watched, options) as migration,
        ):
            return migration.run(partial=options.partial)

    def rollback_model(self) -> RollbackReport:
        """Let questions use the model from before the last switch again; twice goes forth again.

        Raises:
            CatalogueError: There is no index yet, or no model from before.
            ModelError, SpaceMismatchError: That model is gone, or has other weights now.
        """
        return self._factory.roll_back()

    def droppable_model(self, model: str | None = None) -> str:
        """The model that `drop_space` would take out.

        Raises:
            QueryError, CatalogueError: As `drop_space`.
        """
        from mmsearch.engine.upkeep.model_return import space_to_drop

        with self._factory.catalogues.lease() as catalogue:
            return space_to_drop(catalogue, model).space.name

    def drop_space(self, model: str | None = None) -> DroppedSpace:
        """Take a model's embeddings, region features and vector files out of the index.

        Args:
            model: Its name; None: the one from before, or the only one that is not the default.

        Raises:
            QueryError: The index holds no such model beside its default.
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.upkeep.model_return import drop_space

        with self._factory.catalogues.lease() as catalogue:
            return drop_space(catalogue, self._factory.settings.index_dir, model)

    def is_new(self) -> bool:
        """Whether there is no index of this name yet."""
        return not self._factory.catalogues.exists()

    def backup(self, folder: Path | str, progress: UpkeepListener | None = None) -> BackupRecord:
        """Make a new or empty folder a backup of the index, and tell what it holds.

        Others may search and index meanwhile: the copy is of one moment. It is checked before it
        gets its name. Vector files are left out, as they are made from the catalogue.

        Args:
            folder: Where to; it is made, or must be empty.
            progress: Told how far it is, in the calling thread.

        Raises:
            CatalogueError: There is no index yet, it is damaged, or the folder cannot be written.
        """
        from mmsearch.engine.upkeep.backup import back_up
        from mmsearch.engine.upkeep.findings import SilentUpkeep

        with self._factory.catalogues.lease() as catalogue:
            return back_up(
                catalogue, self._factory.settings.index, Path(folder), progress or SilentUpkeep()
            )

    def restore(self, folder: Path | str, progress: UpkeepListener | None = None) -> RestoreReport:
        """Make the index what a backup holds; the present catalogue is kept beside it.

        All of the backup is checked before anything is changed. Killed anywhere, the index is
        wholly the old or wholly the new one.

        Args:
            folder: What `backup` made, or a restore point.
            progress: Told how far it is, in the calling thread.

        Raises:
            CatalogueError: The backup is damaged or newer than this version, the index is in use,
                or its folder cannot be written.
        """
        from mmsearch.engine.upkeep.findings import SilentUpkeep
        from mmsearch.engine.upkeep.restore import restore

        self._factory.close()
        path = self._factory.catalogues.path
        return restore(path, self._factory.settings.index, Path(folder), progress or SilentUpkeep())
