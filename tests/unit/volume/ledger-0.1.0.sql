BEGIN TRANSACTION;
CREATE TABLE artifact (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced')),
    serial INTEGER NOT NULL, entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT,
    verified REAL NOT NULL, PRIMARY KEY (subdir, filename));
INSERT INTO "artifact" VALUES('noarch','b-2-0.conda','packages.conda',101,'4814d92093ac8a0f4a2163ab87dee509ba306a58f5888be0edcb2fcd0712028b',X'2529CD07BEBF0CEB4D2DCFB919BAF3CD','{"build": "0", "build_number": 0, "depends": ["openssl >=3.0.9"], "md5": "92eb5ffee6ae2fec3ad71c777531578f", "name": "b", "sha256": "4814d92093ac8a0f4a2163ab87dee509ba306a58f5888be0edcb2fcd0712028b", "size": 101, "subdir": "noarch", "version": "2"}','channels',1,1700000000.0,'https://upstream.invalid/noarch/b-2-0.conda','92eb5ffee6ae2fec3ad71c777531578f',1700000000.0);
INSERT INTO "artifact" VALUES('linux-64','c-1-0.tar.bz2','packages',101,'d0f631ca1ddba8db3bcfcb9e057cdc98d0379f1bee00e75a545147a27dadd982',X'14837085E34494DD4C78F450EB84040B','{"build": "0", "build_number": 0, "depends": ["openssl >=3.0.9"], "md5": "4a8a08f09d37b73795649038408b5f33", "name": "c", "sha256": "d0f631ca1ddba8db3bcfcb9e057cdc98d0379f1bee00e75a545147a27dadd982", "size": 101, "subdir": "linux-64", "version": "1"}','channels',1,1700000000.0,'https://upstream.invalid/linux-64/c-1-0.tar.bz2','4a8a08f09d37b73795649038408b5f33',1700000000.0);
INSERT INTO "artifact" VALUES('linux-64','d-1-0.conda','packages.conda',101,'8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35',X'5FEAF66972C9E5B9DF6CA1D1A2E6D2FE','{"build": "0", "build_number": 0, "depends": ["openssl >=3.0.9"], "md5": "8277e0910d750195b448797616e091ad", "name": "d", "sha256": "8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35", "size": 101, "subdir": "linux-64", "version": "1"}','channels',1,1700000000.0,'https://upstream.invalid/linux-64/d-1-0.conda','8277e0910d750195b448797616e091ad',1700000000.0);
INSERT INTO "artifact" VALUES('noarch','a-1-0.conda','packages.conda',101,'abababababababababababababababababababababababababababababababab',X'EF1995429F906B7908031779631D9045','{"build": "0", "build_number": 0, "depends": ["openssl >=3.0.9"], "md5": "0cc175b9c0f1b6a831c399e269772661", "name": "a", "sha256": "f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114", "size": 101, "subdir": "noarch", "version": "1"}','replaced',2,1700086400.0,'https://upstream.invalid/noarch/a-1-0.conda','0cc175b9c0f1b6a831c399e269772661',1700086400.0);
CREATE TABLE carried (subdir TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (subdir, key)) WITHOUT ROWID;
INSERT INTO "carried" VALUES('','document.notices.json','{"notices": []}');
INSERT INTO "carried" VALUES('noarch','info.note','"ä"');
INSERT INTO "carried" VALUES('noarch','removed','["x-1-0.conda"]');
CREATE TABLE channeldata (name TEXT PRIMARY KEY, data TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO "channeldata" VALUES('a','{"summary": "A"}');
CREATE TABLE history (
    moment REAL NOT NULL, event TEXT NOT NULL, subdir TEXT NOT NULL, filename TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, source TEXT NOT NULL, run INTEGER NOT NULL);
INSERT INTO "history" VALUES(1700000000.0,'entered','noarch','a-1-0.conda','f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114',101,'https://upstream.invalid/noarch/a-1-0.conda',1);
INSERT INTO "history" VALUES(1700000000.0,'entered','noarch','b-1-0.conda','7dc96f776c8423e57a2785489a3f9c43fb6e756876d6ad9a9cac4aa4e72ec193',101,'https://upstream.invalid/noarch/b-1-0.conda',1);
INSERT INTO "history" VALUES(1700000000.0,'entered','noarch','b-2-0.conda','4814d92093ac8a0f4a2163ab87dee509ba306a58f5888be0edcb2fcd0712028b',101,'https://upstream.invalid/noarch/b-2-0.conda',1);
INSERT INTO "history" VALUES(1700000000.0,'entered','linux-64','c-1-0.tar.bz2','d0f631ca1ddba8db3bcfcb9e057cdc98d0379f1bee00e75a545147a27dadd982',101,'https://upstream.invalid/linux-64/c-1-0.tar.bz2',1);
INSERT INTO "history" VALUES(1700000000.0,'entered','linux-64','d-1-0.conda','8b53639f152c8fc6ef30802fde462ba0be9cf085f7580dc69efd72e002abbb35',101,'https://upstream.invalid/linux-64/d-1-0.conda',1);
INSERT INTO "history" VALUES(1700086400.0,'replaced','noarch','a-1-0.conda','f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114',101,'https://upstream.invalid/noarch/a-1-0.conda',1);
INSERT INTO "history" VALUES(1700086400.0,'entered','noarch','a-1-0.conda','abababababababababababababababababababababababababababababababab',101,'https://upstream.invalid/noarch/a-1-0.conda',1);
INSERT INTO "history" VALUES(1700172800.0,'removed','noarch','b-1-0.conda','7dc96f776c8423e57a2785489a3f9c43fb6e756876d6ad9a9cac4aa4e72ec193',101,'https://upstream.invalid/noarch/b-1-0.conda',1);
CREATE TABLE incoming (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, section TEXT NOT NULL,
    size INTEGER NOT NULL, sha256 TEXT NOT NULL, digest BLOB NOT NULL, record TEXT NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced')),
    entered REAL NOT NULL, source TEXT NOT NULL, md5 TEXT,
    PRIMARY KEY (subdir, filename));
INSERT INTO "incoming" VALUES('linux-64','e-1-0.conda','packages.conda',101,'8b5cc4df7eec7d32a7814eca4af047ae33b2d52342667715682e19c25b0b9faa',X'A2BF72505B36F84A31405C13B8B56A57','{"build": "0", "build_number": 0, "depends": ["openssl >=3.0.9"], "md5": "e1671797c52e15f763380b45e841ec32", "name": "e", "sha256": "8b5cc4df7eec7d32a7814eca4af047ae33b2d52342667715682e19c25b0b9faa", "size": 101, "subdir": "linux-64", "version": "1"}','channels',1700000000.0,'https://upstream.invalid/linux-64/e-1-0.conda','e1671797c52e15f763380b45e841ec32');
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "meta" VALUES('channeldata','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd 4');
INSERT INTO "meta" VALUES('due','1700259200.5');
INSERT INTO "meta" VALUES('kept','{"by_policy": 1, "by_lock": 0, "first": [{"subdir": "noarch", "filename": "b-2-0.conda", "why": "keep"}]}');
INSERT INTO "meta" VALUES('run_exports.noarch','abababababababababababababababab 4');
INSERT INTO "meta" VALUES('schema',1);
INSERT INTO "meta" VALUES('scrubbed','noarch/b-1-0.conda/00');
INSERT INTO "meta" VALUES('serial',4);
INSERT INTO "meta" VALUES('settled','0123 4567');
CREATE TABLE retired (
    subdir TEXT NOT NULL, filename TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
    home TEXT NOT NULL CHECK (home IN ('channels', 'replaced', 'retired')),
    serial INTEGER NOT NULL, left REAL NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (subdir, filename, sha256));
INSERT INTO "retired" VALUES('noarch','a-1-0.conda','f55ff16f66f43360266b95db6f8fec01d76031054306ae4a4b380598f6cfd114',101,'channels',2,1700086400.0,'replaced');
INSERT INTO "retired" VALUES('noarch','b-1-0.conda','7dc96f776c8423e57a2785489a3f9c43fb6e756876d6ad9a9cac4aa4e72ec193',101,'channels',3,1700172800.0,'removed');
CREATE TABLE run (id INTEGER PRIMARY KEY, started TEXT NOT NULL, policy TEXT NOT NULL,
    UNIQUE (started, policy));
INSERT INTO "run" VALUES(1,'2026-11-22T03:00:00+00:00','{"include": []}');
CREATE TABLE run_exports (subdir TEXT NOT NULL, filename TEXT NOT NULL, run_exports TEXT NOT NULL,
    PRIMARY KEY (subdir, filename)) WITHOUT ROWID;
INSERT INTO "run_exports" VALUES('noarch','a-1-0.conda','{"weak": ["a"]}');
CREATE INDEX artifact_serial ON artifact (serial);
CREATE INDEX history_filename ON history (filename);
CREATE TRIGGER history_keeps BEFORE DELETE ON history
    BEGIN SELECT RAISE(ABORT, 'history is append-only') ;END;
CREATE TRIGGER history_stays BEFORE UPDATE ON history
    BEGIN SELECT RAISE(ABORT, 'history is append-only') ;END;
CREATE INDEX artifact_replaced ON artifact (subdir, filename, sha256) WHERE home = 'replaced';
COMMIT;
