from pathlib import Path

import pytest
from sqlalchemy import create_engine

from assistant.errors import StorageError
from assistant.memory.schema import VERSION
from assistant.memory.store import SqlMemory


async def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    await SqlMemory(tmp_path).close()
    engine = create_engine(f"sqlite:///{tmp_path / 'assistant.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION + 1}")
    engine.dispose()
    with pytest.raises(StorageError, match=f"version {VERSION + 1}, this program reads version {VERSION}"):
        SqlMemory(tmp_path)
