#!/usr/bin/env python3
"""Writes the corpus that fuzzing starts from: small files of every format about people who do not exist.

Python 3 and nothing else. Files that the fuzzer found and that are kept have names of their own, and stay.
"""

import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "tokenize" / "tests" / "fixtures"


def seed(target, name, content, encoding="utf-8"):
    if isinstance(content, str):
        content = encoded(content, encoding)
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    assert len(content) <= 4096, (target, name, len(content))
    (folder / name).write_bytes(content)


def encoded(text, encoding):
    # Python and the readers map this dash of JIS X 0208 to different characters.
    return text.replace("－", "−").encode(encoding) if encoding == "iso2022_jp" else text.encode(encoding)


def fixture(name):
    return (FIXTURES / name).read_bytes()


def tables():
    rows = "a,b,c,d,e\r\n1,甲山　一郎,コウヤマ イチロウ,S45.3.2,m\r\n2,\"丙川, \"\"二葉\"\"\",ﾍｲｶﾜ ﾌﾀﾊﾞ,1985-11-30,f\r\n"
    seed("table", "utf-8", rows)
    seed("table", "marked", "\ufeff" + rows)
    seed("table", "cp932", rows, "cp932")
    seed("table", "utf-16", "\ufeff" + rows, "utf-16-le")
    seed("table", "tabs", "a\tb\tc\n1\t東京都千代田区霞が関一丁目２番３号\t００４５\n2\t\t\n", "cp932")
    seed("table", "semicolons", "a;b;c\n1;O'Example;Zoë-Anne\n2;\"x;y\";\n")
    seed("table", "quotes", "a,b,c,d,e\n1,\"open,c,d,e\n2,\"x\"y,c,d,e\n3,b,c,d,e\n4,b,c")
    numbers = "".join(f"{n},b,c,d,123456789018\n" for n in range(9))
    seed("table", "forbidden", "a,b,c,d,e\n" + numbers)
    mapping = (
        'encoding = "utf-8"\ndelimiter = ";"\n[[column]]\nheader = "番号"\nfield = "record-id"\nwidth = 4\npad = "0"\n'
        '[[column]]\nheader = "住所"\nfield = "address"\n[sex]\nmale = ["1"]\nfemale = ["2"]\n'
    )
    seed("table", "mapping", mapping + "%%\n番号;住所\n7;大阪府大阪市北区中之島1-2-3\n")
    seed("table", "register", fixture("register.csv"))


MSH = "MSH|^~\\&|HIS|H|GW|H|20260101||{}|1|P|2.5||||||{}||ISO 2022-1994|SS-MIX2_1.20_h^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO\r"
PID = (
    "PID|0001||00012345^^^^PI||甲山^一郎^^^^^L^I~コウヤマ^イチロウ^^^^^L^P||19700302|M|乙山^一郎^^^^^M^I||"
    "^^^^100-0013^JPN^H^東京都千代田区霞が関一丁目２番３号||^PRN^PH^^^^^^^^^03-0000-0000|||||||||||Y|||||20250101|Y\r"
)
IN1 = "IN1|1|06^組合^JHSD0001|06130012|||||||１２－３~００４５~05\r"


def messages():
    def message(event="ADT^A08^ADT_A01", charset="~ISO IR87", pid=PID, rest=IN1):
        return MSH.format(event, charset) + "EVN||20260101\r" + pid + "PV1|0001|N\r" + rest

    seed("hl7", "iso", message(), "iso2022_jp")
    seed("hl7", "utf-8", message(charset="UNICODE UTF-8"))
    seed("hl7", "cp932", message(), "cp932")
    seed("hl7", "deletion", message("ADT^A23"), "iso2022_jp")
    seed("hl7", "merge", message() + message("ADT^A40", rest="MRG|00012345\r", pid=PID.replace("00012345", "99")), "iso2022_jp")
    seed("hl7", "frames", "\x0b" + message() + "\x1c\r\x0b" + message("ADT^A29") + "\x1c\r", "iso2022_jp")
    seed("hl7", "envelope", "FHS|^~\\&\rBHS|^~\\&\r" + message() + "BTS|1\rFTS|1\r", "iso2022_jp")
    seed("hl7", "escapes", message(pid=PID.replace("一郎", "\\F\\\\S\\\\T\\\\R\\\\E\\\\.br\\一")), "utf-8")
    supplement = encoded(message(pid=PID.replace("甲山", "@@")), "iso2022_jp")
    seed("hl7", "supplement", supplement.replace(b"@@", b"\x1b$(D||\x1b(B"))
    roman = encoded(message(), "iso2022_jp").replace(b"^I~", b"^I\x1b(J~\x1b(B")
    seed("hl7", "roman", roman)
    seed("hl7", "names", "00012345_-_ADT-00_999999999999999_20250401120000000_-_1\nA_1_-_ADT-00_9_2_-_0\nx_1\n")


def claims():
    medical = (
        "IR,1,13,1,1234567,,東都医院,202601,00,03-0000-0000\r\n"
        "RE,1,1112,202601,甲山　一郎,1,19700302,,,,,,,00012345,,,,,,,,,,,,,,,,,,,,,,,コウヤマイチロウ\r\n"
        "HO,06130012,１２－３,００４５,1,1000,,,\r\nSN,1,01,06130012,12-3,45,05,,\r\nSI,12,1,111000110,,288,1\r\n"
        "RE,2,1112,202601,EXAMPLE NAME,2,3450302,,,,,,,,,,,,,\r\nHO,  138057,,890,1,1000,,,\r\nKO,54136015,1234567,,1,1000\r\n"
        "GO,2,2000,99\r\n"
    )
    seed("uke", "medical", medical, "cp932")
    seed("uke", "utf-8", medical)
    seed("uke", "end-of-file", medical.encode("cp932") + b"\x1a\x1a")
    seed("uke", "pharmacy", "YK,1,13,4,1234567,東都薬局,202601,00,\r\nRE,1,4112,202601,丙川　二葉,2,19851130" + "," * 29 + "777,,\r\nHO,01130012,あ,187\r\nGO,1\r\n", "cp932")
    seed("uke", "dental", "IR,1,13,3,1234567,,東都歯科,202601\r\nRE,1,3112,202601,丙川　二葉,2,19851130" + "," * 9 + "777\r\nSN,2,01,,,,\r\n", "cp932")
    seed("uke", "nursing", "HM,1,13,6,1234567,東都訪問看護,202601\r\nRE,1,6112,202601,丙川　二葉,ヘイカワフタバ,2,19851130,,,,,,777\r\n", "cp932")
    forbidden = "".join(f"RE,{n},1112,202601,名,1,19700302,,,,,,,123456789018\r\n" for n in range(9))
    seed("uke", "forbidden", forbidden, "cp932")


def documents():
    seed("xml", "eligibility", fixture("eligibility.xml"))
    seed("xml", "eligibility-cp932", fixture("eligibility.xml").decode().replace("UTF-8", "Shift_JIS").replace("Identifier>0", "Identifier>1"), "cp932")
    seed("xml", "checkup", fixture("checkup.xml"))
    seed("xml", "entities", '<!DOCTYPE XmlMsg [<!ENTITY a "b">]><XmlMsg><Name>&a;&#x41;&amp;</Name></XmlMsg>')
    seed("xml", "deep", "<XmlMsg>" + "<a>" * 70)
    for method, name in [(zipfile.ZIP_DEFLATED, "deflated"), (zipfile.ZIP_STORED, "stored")]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for file in ["DATA/h1.xml", "ix08_V08.xml"]:
                archive.writestr(zipfile.ZipInfo(file), fixture("checkup.xml"), method)
        seed("xml", "archive-" + name, out.getvalue())


def resources():
    bundle = json.loads(fixture("bundle.json"))
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    seed("fhir", "bundle", json.dumps(bundle, **compact))
    seed("fhir", "patients", fixture("patients.ndjson"))
    seed("fhir", "coverages", fixture("coverages.ndjson"))
    seed("fhir", "both", fixture("patients.ndjson") + fixture("coverages.ndjson"))
    patient = bundle["entry"][0]["resource"]
    patient["link"] = [{"other": {"reference": "Patient/p2"}, "type": "replaced-by"}]
    patient["meta"] = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
    patient["active"] = False
    seed("fhir", "replaced", json.dumps(patient, indent=1, ensure_ascii=False))
    del patient["link"]
    delete = {"request": {"method": "DELETE", "url": "Patient/p2"}}
    put = {"resource": patient, "request": {"method": "PUT", "url": "Patient/p1"}}
    history = {"resourceType": "Bundle", "type": "history", "entry": [delete, put, put]}
    seed("fhir", "history", json.dumps(history, **compact))
    seed("fhir", "lines", json.dumps(history, **compact)[:1900] + "\n" + '{"resourceType":"Patient"}\n{"resourceType":1}\n')


def objects():
    def element(group, number, vr, value, implicit=False):
        value += b" " * (len(value) % 2)
        tag = struct.pack("<HH", group, number)
        if implicit:
            return tag + struct.pack("<I", len(value)) + value
        if vr in (b"SQ", b"UN"):
            return tag + vr + b"\0\0" + struct.pack("<I", len(value)) + value
        return tag + vr + struct.pack("<H", len(value)) + value

    def patient(charset, name, implicit=False):
        parts = [
            (8, 5, b"CS", charset), (0x10, 0x10, b"PN", name), (0x10, 0x20, b"LO", b"00012345"),
            (0x10, 0x30, b"DA", b"19700302"), (0x10, 0x40, b"CS", b"M"), (0x10, 0x1005, b"PN", name),
            (0x10, 0x1040, b"LO", b"1-2-3"), (0x20, 0xD, b"UI", b"1.2"),
        ]
        return b"".join(element(*part, implicit) for part in parts)

    kanji = "Kouyama^Ichirou=甲山^一郎=コウヤマ^イチロウ"
    jis = kanji.encode("iso2022_jp")
    meta = bytes(128) + b"DICM" + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1")
    seed("dicom", "jis", meta + patient(b"\\ISO 2022 IR 87", jis))
    seed("dicom", "utf-8", meta + patient(b"ISO_IR 192", kanji.encode()))
    seed("dicom", "cp932", meta + patient(b"", kanji.encode("cp932")))
    seed("dicom", "kana", meta + patient(b"ISO 2022 IR 13\\ISO 2022 IR 87", "ｺｳﾔﾏ^ｲﾁﾛｳ".encode("cp932")))
    seed("dicom", "bare", patient(b"", b"DOE^EXAMPLE", True))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + element(8, 0x50, b"SH", b"x")
    items += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    sequence = struct.pack("<HH", 8, 0x1140) + b"SQ\0\0" + b"\xff\xff\xff\xff" + items
    seed("dicom", "sequence", meta + element(8, 5, b"CS", b"ISO_IR 100") + sequence + patient(b"", b"A^B")[8:])
    big = struct.pack(">HH", 8, 5) + b"CS" + struct.pack(">H", 0) + struct.pack(">HH", 0x10, 0x10) + b"PN" + struct.pack(">H", 4) + b"A^B "
    seed("dicom", "big-endian", bytes(128) + b"DICM" + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.2") + big)


def other_records():
    care = (
        "1,1,0,4,711,0,0,1370000001,0,1,202602,1\r\n2,2,7111,202601,1370000001,1,0,01,1,100,1000,900,0,100\r\n"
        "2,3,7131,01,202601,1370000001,00131016,0000000017,,,,,,,19400302,2,21\r\n"
        "2,4,7131,02,202601,1370000001,00131016,0000000017,11,1111,250,摘要\r\n"
        "2,5,7131,01,202601,1370000001,\"00131016\",\"0000000025\",,,,,,,19351105,1,21\r\n3,6\r\n"
    )
    seed("records", "care", care, "cp932")
    seed("records", "care-cut", care[:-9], "cp932")
    head = "131234567\t0000012345\t20260104\t0\t0"
    facts = f"{head}\tA000010\t20140401\t0\t19400302\t2\t1000013\t\t\t\t\t\t\r\n{head}\tA006010\t20140401\t0\t\tI500\t\t8831389\t\t\t\t\t心不全\r\n"
    seed("records", "form-1", facts, "cp932")
    header = "施設コード\tデータ識別番号\t入院年月日\t回数管理番号\t統括診療情報番号\tコード\tバージョン\t連番\tペイロード1\r\n"
    seed("records", "form-1-header", header + facts, "cp932")
    seed("records", "form-1-cut", facts[:70], "cp932")
    seed("records", "register", fixture("register.csv"))
    seed("records", "nought", fixture("register.csv").decode().replace("丙川", "丙\0川"), "cp932")
    seed("records", "register-cp932", fixture("register.csv").decode().replace(",", "\t"), "cp932")


# The order of the fields that a line's first character chooses from.
FIELDS = (
    "record-id kanji-name kanji-family kanji-given kana-name kana-family kana-given former-kanji-name former-kanji-family "
    "former-kana-name former-kana-family given-name surname former-surname birth-date sex postal-code address town block "
    "street phone insurer insured-symbol insured-number insured-branch deceased multiple-birth"
).split()


def values(**fields):
    # Letters from a place where the remainder is zero.
    first = len(FIELDS) * 4
    return "".join(chr(first + FIELDS.index(name.replace("_", "-"))) + value + "\n" for name, value in fields.items())


def normal_forms():
    seed("normalise", "whole", values(kanji_name="髙﨑　花子", kana_name="ﾀｶｻﾞｷ ﾊﾅｺ", birth_date="S45.3.2", sex="女", postal_code="〒100-0013", address="東京都千代田区霞が関一丁目２番３号", insurer="  138057", insured_symbol="１２－３", insured_number="００４５", insured_branch="5"))
    seed("normalise", "parts", values(kanji_family="甲山", kanji_given="一郎", kana_family="コウヤマ", kana_given="イチロウ", former_kanji_family="乙山", former_kana_family="オツヤマ", birth_date="昭和45年03月00日", town="霞が関", block="1-2-3"))
    seed("normalise", "latin", values(given_name="Zoë-Anne", surname="O'Example", former_surname="Sample", birth_date="1981/04/15", street="Example St.", block="12a", town="St. Example", postal_code="2615"))
    seed("normalise", "roman", values(kanji_name="KOUYAMA ICHIROU", kana_name="Kouyama Ichirō", birth_date="19000101"))
    seed("normalise", "odd", values(kanji_name="山■ 様（テスト）", kana_name="カ゛タカナ", birth_date="R99.13.40", sex="9", address="条条郡道郡条1-", insured_number="●", deceased="死亡", multiple_birth="Y"))
    seed("normalise", "newborn", values(kanji_name="山田花子の子", kana_name="ヤマダベビー", birth_date="20260101"))
    seed("normalise", "former", values(kanji_name="甲山花子", former_kanji_name="甲山ベビー", former_kana_name="ｺｳﾔﾏ ﾍﾞﾋﾞｰ"))
    seed("normalise", "signs", values(kanji_name="甲山新生,児", kana_name="コウヤマ ヴェビー", given_name="Báby", birth_date="19700302"))
    seed("normalise", "latin-town", values(kana_name="ふめい", birth_date="19700302", address="Y 1-2", phone="+81 3-1234-5678"))
    for name, lines in [
        ("person", ["甲山 一郎", "コウヤマ イチロウ", "19700302", "1", "100-0013", "東京都千代田区霞が関一丁目２番３号", "06130012", "１２－３", "００４５", "05"]),
        ("signs", ["甲|山^&~\\", "コウ=ヤマ", "S45.3.2", "M", "1", "\"a\", <b> & c", "138057", "あ", "7:", "5"]),
        ("no-insurance", ["O'Example Name", "", "1970", "female", "", ""]),
        ("claim", ["甲山　一郎", "コウヤマイチロウ", "3450302", "2", "", "", "01130012", "", "12345678", ""]),
    ]:
        seed("round", name, "\n".join(lines))


def long_files():
    def long(name, choice, head, unit, tail="", encoding="cp932"):
        parts = [part.encode(encoding) if isinstance(part, str) else part for part in (head, unit, tail)]
        seed("long", name, bytes([choice, len(parts[0]), len(parts[1])]) + b"".join(parts))

    address, kanji, kana = (FIELDS.index(name) for name in ("address", "kanji-name", "kana-name"))
    for unit in "条郡道市丁番－１1-":
        long(f"address-{ord(unit):x}", address, "北海道", unit, encoding="utf-8")
    long("kanji", kanji, "", "髙の", encoding="utf-8")
    long("kana", kana, "", "ｶﾞー", encoding="utf-8")
    readers = "table hl7 uke eligibility fhir care dpc register checkup dicom ssmix2".split()
    # Choices from 0x80 on are files, and 11 formats are counted round.
    choice = {name: next(at for at in range(0x80, 0x100) if at % 11 == index) for index, name in enumerate(readers)}
    long("table", choice["table"], "a,b\n", "1,\"x\"\"\",\n")
    long("quotes", choice["table"], "a,b\n", "1,\"x\n")
    long("messages", choice["hl7"], "", "MSH|^~\\&|||||||ADT^A08\rPID|||1\r")
    long("repetitions", choice["ssmix2"], "MSH|^~\\&|||||||ADT^A08\rPID|||1||", "^~", "\r")
    long("claims", choice["uke"], "IR,1,13,1\r\n", "RE,1,1112,202601,A B,1,19700302\r\nHO,1,2,3\r\n")
    long("elements", choice["eligibility"], "<XmlMsg>", "<a>&amp;</a>", "</XmlMsg>")
    long("attributes", choice["eligibility"], "<XmlMsg ", "a='b' ", "/>")
    long("declarations", choice["eligibility"], "<XmlMsg ", "xmlns:a='b' ", "/>")
    long("nested", choice["fhir"], '{"resourceType":"Patient","a":', "[")
    long("lines", choice["fhir"], "", '{"resourceType":"Patient","id":"1"}\n')
    long("entries", choice["fhir"], '{"resourceType":"Bundle","type":"history","entry":[', '{"resource":{"resourceType":"Patient","id":"1"}},', "{}]}")
    long("bundles", choice["fhir"], "", '{"resourceType":"Bundle","entry":[]}\n')
    long("care", choice["care"], "1,1,0,4,711,0,0,1370000001,0,1,202602,1\r\n", "2,3,7131,01,2,1,3,17,,,,,,,19400302,2\r\n")
    long("facts", choice["dpc"], "1\t2\t20260104\t0\t0\tA000010\t\t\t1\n", "1\t2\t20260104\t0\t0\tA000010\t\t\t19400302\t2\n")
    long("register", choice["register"], "宛名番号,氏名\n", "1,甲\n")
    long("document", choice["checkup"], "<ClinicalDocument xmlns='urn:hl7-org:v3'>", "<id/>", "</ClinicalDocument>")
    long("sequences", choice["dicom"], b"\x08\x00\x05\x00CS\x00\x00", b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\xdd\xe0\x00\x00\x00\x00")
    long("escapes", choice["ssmix2"], "MSH|^~\\&|||||||ADT^A08\rPID|||1||", b"\x1b$B0l\x1b(B\\F\\", "\r")


def text(value):
    value = value.encode()
    return struct.pack("<I", len(value)) + value


def tokens():
    rows = b"\x55" * (16 * 8)
    batch = b"MSBBAT01" + struct.pack("<II", 16, 1) + rows + bytes(range(16)) + struct.pack("<I", 0)
    seed("token", "batch", batch)
    seed("token", "batch-empty", b"MSBBAT01" + struct.pack("<II", 16, 0))
    manifest = b"MSBMAN01" + text("hospital") + text("project") + struct.pack("<I", 1) + bytes(8) + bytes(32)
    manifest += text("musubi-normaliser/1") + text("musubi-tables/1") + struct.pack("<III", 0, 1, 1) + bytes(32)
    seed("token", "manifest", manifest + struct.pack("<I", 2) + text("no-block") + struct.pack("<I", 1) + text("row-quote") + struct.pack("<I", 1))
    seed("token", "manifest-bare", manifest + struct.pack("<I", 0))
    for name in ("jp-1", "en-1"):
        seed("token", name, (HERE.parent / "token" / "schemas" / f"{name}.toml").read_bytes())
    seed("token", "names", "hospital\nHospital\n-\na\n" + "a" * 33 + "\n")


def documents_of_custody():
    signature = "\n\u2014 hospital AAAAAEUCIQ==\n"
    seed("custody", "receipt", "musubi/package-receipt/v1\nproject demo\nepoch 1\nsite hospital\nnonce " + "00" * 16 + "\nmac " + "00" * 32 + "\n" + signature)
    seed("custody", "request", "musubi/enrol-request/v1\nsite hospital\nsoftware tokenizer 0.1\nwrap AAAA\nsign AAAA\nouter AAAA\n" + signature)
    seed("custody", "checkpoint", "fuzz\n3\n" + "A" * 43 + "=\n" + signature)
    seed("custody", "profile", 'name = "software"\nmodule = "libexample.so"\n')
    share = "musubi/share/v1\nset " + "00" * 16 + "\ncustodian first\nindex 1\nthreshold 2\nshares 3\nshare " + "01" * 33 + "\n"
    seed("custody", "share", share + f"check {hashlib.sha256(share.encode()).hexdigest()[:8]}\n")
    seed("custody", "proof", bytes(range(256)))


if __name__ == "__main__":
    for make in [tables, messages, claims, documents, resources, objects, other_records, normal_forms, long_files, tokens, documents_of_custody]:
        make()
