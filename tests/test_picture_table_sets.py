"""Pictures with a record: each loader on a small tree of files in the published form."""

import csv
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from fusebench import public
from fusebench.core.errors import DataUnavailableError, FusebenchError, UnreadableFileError
from fusebench.datasets import get, ham10000, leaves, load_all, obtain, pad_ufes_20, petfinder
from fusebench.datasets.boxed import BoxedDecoder
from fusebench.datasets.download import TransferError
from fusebench.datasets.fetch import file_sha256
from fusebench.datasets.records import Record, read_columns
from fusebench.datasets.splits import holdout

load_all()
PIL = pytest.importorskip("PIL.Image")
SETS = ("pad_ufes_20", "ham10000", "petfinder", "cub_200_2011", "leaves")


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The folder FUSEBENCH_DATA names; no test downloads anything."""

    def offline(*_, **__):
        raise TransferError("no connection")

    monkeypatch.setattr(obtain, "retrieve", offline)
    monkeypatch.setenv("FUSEBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def paint(path, colour, size=(12, 10)):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.new("RGB" if isinstance(colour, tuple) else "L", size, colour).save(path, quality=95)


def write_csv(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def disjoint(bundle):
    held = [set(rows.groups.tolist()) for rows in bundle.splits.values()]
    return not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])


@pytest.mark.parametrize("name", SETS)
def test_planning_needs_no_file_and_absence_is_explained(name, data):
    made = get(name)
    assert [m.kind for m in made.modalities].count("image") == 1 and len(made.classes) >= 5
    assert all(count > 0 for count in made.rows.values())
    with pytest.raises(DataUnavailableError, match=name):
        made.load(0)
    assert made.card.split and made.card.figures and made.card.licence and made.card.citation


def test_rows_by_split_add_up_to_what_is_published():
    published = {
        "pad_ufes_20": 2298,
        "ham10000": 10_015,
        "petfinder": 14_993,
        "cub_200_2011": 11_788,
        "leaves": 1584,
    }
    assert {name: sum(get(name).rows.values()) for name in SETS} == published
    assert sum(pad_ufes_20.COUNTS.values()) == 2298 and sum(ham10000.COUNTS.values()) == 10_015
    assert not any(get(name).card.verified for name in SETS if name != "leaves") and get("leaves").card.verified


def test_sizes_that_mean_nothing_are_refused():
    for name, wrong in (
        ("pad_ufes_20", "size=4"),
        ("ham10000", "size=2.5"),
        ("leaves", "size=true"),
        ("cub_200_2011", "species=1"),
        ("cub_200_2011", "species=20.0"),
        ("cub_200_2011", "boxed=no"),
        ("pad_ufes_20", "history=no"),
    ):
        with pytest.raises(
            FusebenchError, match=f"^Option {wrong.split('=')[0]}=.* of data set '{name}': expected"
        ):
            get(f"{name}({wrong})")


def test_cub_plans_the_rows_of_the_published_split():
    labels = np.arange(5994) % 200
    train, validation = holdout(labels, "cub_200_2011")
    assert get("cub_200_2011").rows == {"train": len(train), "validation": len(validation), "test": 5794}


def test_terms_are_told_before_anything_is_fetched(capsys):
    assert public.fetch(("ham10000",)) == 1
    told = capsys.readouterr()
    assert told.err == "ham10000: Non-commercial use only (CC BY-NC 4.0).\n"
    assert told.out.startswith("ham10000: unavailable: ")
    assert public.fetch(("leaves",)) == 1 and capsys.readouterr().err == ""


RECORD = Record(("age",), {"site": 2})
TABLE = {"age": ["10", "", "30", "90", "NaN"], "site": ["a", "b", "a", "c", ""]}


def test_a_record_is_fitted_by_training_rows_alone():
    coded = RECORD.encoded(TABLE, np.array([0, 1, 2]), "x")
    assert coded.shape == (5, RECORD.width) and coded.dtype == np.float32
    assert coded.tolist() == [[10, 0, 1, 0], [20, 1, 0, 1], [30, 0, 1, 0], [90, 0, 0, 0], [20, 1, 0, 0]]
    changed = {"age": ["10", "", "30", "1000", "5"], "site": ["a", "b", "a", "d", "d"]}
    np.testing.assert_array_equal(RECORD.encoded(changed, np.array([0, 1, 2]), "x")[:3], coded[:3])
    assert RECORD.encoded(TABLE, np.array([2, 3]), "x")[1].tolist() == [60, 1, 0, 0]


def test_a_number_that_is_none_and_a_column_that_is_not_there_are_named(data):
    with pytest.raises(FusebenchError, match=r"'x', column 'age': row 2 holds 'old', expected a number"):
        RECORD.encoded({"age": ["1", "old"], "site": ["a", "a"]}, np.array([0]), "x")
    write_csv(data / "table.csv", [{"Ages": 1}])
    with pytest.raises(UnreadableFileError, match=r"no column 'Age' \(the nearest is 'Ages'\)"):
        read_columns(data / "table.csv", ["Age"])


DIAGNOSES = tuple(pad_ufes_20.COUNTS)
PUBLISHED_TABLE = pad_ufes_20.TABLE


def pad_rows():
    """72 rows of 36 patients, two lesions each, in the columns of the published table."""
    rows = []
    for number in range(72):
        patient, diagnosis = number // 2, DIAGNOSES[number // 2 % 6]
        name = f"PAT_{patient}_{number}_{number + 100}.png"
        row = {"patient_id": f"PAT_{patient}", "lesion_id": number, "age": 20 + number, "region": "FACE"}
        row |= dict.fromkeys(("itch", "grew", "hurt", "changed", "bleed", "elevation"), str(number % 3 == 0))
        empty = number % 4 == 0
        row |= dict.fromkeys(pad_ufes_20.HISTORY.columns, "" if empty else 3)
        row |= {"diagnostic": diagnosis, "img_id": name, "biopsed": diagnosis in ("BCC", "SCC", "MEL")}
        rows.append(row)
    return rows


def write_pad(data, rows, folders=True):
    write_csv(data / "pad_ufes_20" / "metadata.csv", rows)
    for row in rows:
        part = f"imgs_part_{int(row['lesion_id']) % 3 + 1}"
        level = 40 * DIAGNOSES.index(row["diagnostic"])
        paint(data / "pad_ufes_20" / "images" / part / row["img_id"], (level, 0, 255 - level))


@pytest.fixture
def pad(data, monkeypatch):
    monkeypatch.setattr(pad_ufes_20.PadUfes20, "published", 72)
    monkeypatch.setattr(pad_ufes_20, "TABLE", replace(pad_ufes_20.TABLE, checksum=""))
    write_pad(data, pad_rows())
    return data


def test_pad_pictures_records_and_labels_belong_together(pad):
    made = get("pad_ufes_20(size=8)")
    tested = []
    for seed in range(5):
        bundle = made.load(seed)
        assert disjoint(bundle) and bundle.modalities == made.modalities
        tested += bundle.test.ids.tolist()
        for rows in bundle.splits.values():
            red = rows.inputs["image"][:, 0].mean(axis=(1, 2)) * 255
            np.testing.assert_allclose(red, 40 * rows.labels, atol=2)
            lesion = [int(name.split("_")[2]) for name in rows.ids.tolist()]
            np.testing.assert_array_equal(rows.inputs["record"][:, 0], np.array(lesion) + 20)
            assert rows.groups.tolist() == ["_".join(name.split("_")[:2]) for name in rows.ids.tolist()]
    assert len(tested) == len(set(tested)) == 72
    assert made.metric == "balanced_accuracy"


def test_pad_never_reads_the_biopsy_and_history_only_when_asked(pad):
    before = get("pad_ufes_20(size=8)").load(0)
    history = get("pad_ufes_20(history=true,size=8)").load(0)
    wider = history.train.inputs["record"].shape[1] - before.train.inputs["record"].shape[1]
    assert wider == pad_ufes_20.HISTORY.width
    write_csv(pad / "pad_ufes_20" / "metadata.csv", [row | {"biopsed": "False"} for row in pad_rows()])
    after = get("pad_ufes_20(size=8)").load(0)
    np.testing.assert_array_equal(after.train.inputs["record"], before.train.inputs["record"])
    for name in ("biopsed", "diagnostic", "patient_id", "lesion_id", "img_id"):
        assert name not in pad_ufes_20.WITH_HISTORY.columns
    published = set(pad_rows()[0]) - {"biopsed", "diagnostic", "patient_id", "lesion_id", "img_id"}
    assert set(pad_ufes_20.WITH_HISTORY.columns) == published


def test_pad_damage_is_named(pad):
    first = pad / "pad_ufes_20" / "images" / "imgs_part_1" / "PAT_0_0_100.png"
    content = first.read_bytes()
    first.write_bytes(content[:40])
    with pytest.raises(FusebenchError, match=r"'pad_ufes_20': row 1: 'PAT_0_0_100\.png' .* cut short"):
        get("pad_ufes_20(size=8)").load(0)
    first.unlink()
    with pytest.raises(FusebenchError, match="lacks 1 of 72 pictures, first 'PAT_0_0_100'"):
        get("pad_ufes_20(size=8)").load(0)
    first.write_bytes(content)
    write_csv(pad / "pad_ufes_20" / "metadata.csv", pad_rows()[:70])
    with pytest.raises(FusebenchError, match="70 rows where 72 are published"):
        get("pad_ufes_20(size=8)").load(0)
    write_csv(pad / "pad_ufes_20" / "metadata.csv", [row | {"diagnostic": "bcc"} for row in pad_rows()])
    with pytest.raises(FusebenchError, match="row 1: label 'bcc' is none of ACK, BCC"):
        get("pad_ufes_20(size=8)").load(0)


def test_a_pad_table_that_is_not_the_published_one_is_refused(pad, monkeypatch):
    monkeypatch.setattr(pad_ufes_20, "TABLE", PUBLISHED_TABLE)
    with pytest.raises(FusebenchError, match=r"metadata\.csv' in FUSEBENCH_DATA has sha256 .* 14d145235cedb022"):
        get("pad_ufes_20(size=8)").load(0)


def test_pad_is_downloaded_as_published_and_checked(tmp_path, monkeypatch):
    """A table and three zips of pictures, each in a folder of its own."""
    monkeypatch.setattr(pad_ufes_20.PadUfes20, "published", 72)
    write_pad(tmp_path / "made", pad_rows())
    made = tmp_path / "made" / "pad_ufes_20"
    served = {pad_ufes_20.TABLE.home: made / "metadata.csv"}
    for source in pad_ufes_20.PICTURES:
        folder = made / "images" / source.path.rpartition("/")[2]
        served[source.home] = tmp_path / f"{folder.name}.zip"
        with zipfile.ZipFile(served[source.home], "w") as archive:
            for path in folder.iterdir():
                archive.write(path, f"{folder.name}/{path.name}")

    def retrieve(url, place, *_, **__):
        place.parent.mkdir(parents=True, exist_ok=True)
        return shutil.copy(served[url], place) and place

    monkeypatch.setattr(obtain, "retrieve", retrieve)
    with pytest.raises(DataUnavailableError, match=r"what came has sha256 .* 14d145235cedb022"):
        get("pad_ufes_20(size=8)").load(0)
    table = replace(pad_ufes_20.TABLE, checksum=file_sha256(made / "metadata.csv"))
    monkeypatch.setattr(pad_ufes_20, "TABLE", table)
    with pytest.raises(DataUnavailableError, match=r"imgs_part_1.*the archive has sha256 .* 0ab44f60938bf574"):
        get("pad_ufes_20(size=8)").load(0)
    pictures = [replace(p, archive_checksum=file_sha256(served[p.home])) for p in pad_ufes_20.PICTURES]
    monkeypatch.setattr(pad_ufes_20, "PICTURES", pictures)
    assert sum(map(len, get("pad_ufes_20(size=8)").load(0).splits.values())) == 72


def test_ham_groups_by_lesion_and_leaves_out_what_tells(data, monkeypatch):
    rows, codes = [], tuple(ham10000.COUNTS)
    for number in range(84):
        row = {
            "lesion_id": f"HAM_{number // 2:07d}",
            "image_id": f"ISIC_{number:07d}",
            "dx": codes[number // 2 % 7],
        }
        row |= {
            "dx_type": row["dx"],
            "age": "" if number == 3 else 40.0,
            "sex": ("male", "female", "unknown")[number % 3],
        }
        rows.append(row | {"localization": "back", "dataset": row["dx"]})
        paint(
            data / "ham10000" / f"HAM10000_images_part_{number % 2 + 1}" / f"{row['image_id']}.jpg", (number, 9, 9)
        )
    write_csv(data / "ham10000" / "HAM10000_metadata.csv", rows)
    monkeypatch.setattr(ham10000.Ham10000, "published", 84)
    with pytest.raises(FusebenchError, match="is published"):  # another table than Harvard's
        get("ham10000(size=8)").load(0)
    monkeypatch.setattr(ham10000, "TABLE", replace(ham10000.TABLE, checksum=""))
    bundle = get("ham10000(size=8)").load(1)
    assert disjoint(bundle)
    for part in bundle.splits.values():
        numbers = [int(name[5:]) for name in part.ids.tolist()]
        assert part.labels.tolist() == [number // 2 % 7 for number in numbers]
        np.testing.assert_allclose(part.inputs["image"][:, 0].mean(axis=(1, 2)) * 255, numbers, atol=4)
        assert part.inputs["record"].shape == (len(part), 20)
    columns = get("ham10000").record.columns
    assert set(columns) == {"age", "sex", "localization"}


def test_ham_keeps_pairs_of_one_lesion_together_that_the_table_parts():
    pairs = ham10000.SAME_LESION
    assert len(pairs) == 18 and len({picture for pair in pairs for picture in pair}) == 36
    (first, second), *_ = pairs
    pictures = [first, "ISIC_1", second, "ISIC_2", "ISIC_3", pairs[1][0]]
    joined = ham10000.joined(pictures, ["HAM_0", "HAM_0", "HAM_1", "HAM_1", "HAM_2", "HAM_3"])
    assert len(set(joined[:4])) == 1 and len(set(joined)) == 3


def test_petfinder_has_pets_without_a_photograph_and_groups_by_rescuer(data, monkeypatch):
    rows = []
    for number in range(60):
        row = {
            "Type": 1,
            "Name": "x",
            **dict.fromkeys(petfinder.RECORD.columns, 1),
            "RescuerID": f"r{number // 2}",
        }
        row |= {"Description": "text", "PetID": f"pet{number}", "PhotoAmt": 0.0 if number % 6 == 0 else 2.0}
        rows.append(row | {"AdoptionSpeed": number // 2 % 5})
        for photo in (1, 2) if row["PhotoAmt"] else ():
            paint(
                data / "petfinder" / "train_images" / f"pet{number}-{photo}.jpg", (200 if photo == 1 else 0, 0, 0)
            )
    write_csv(data / "petfinder" / "train.csv", rows)
    monkeypatch.setattr(petfinder.Petfinder, "published", 60)
    bundle = get("petfinder(size=8)").load(0)
    assert disjoint(bundle)
    for part in bundle.splits.values():
        without = np.array([int(pet[3:]) % 6 == 0 for pet in part.ids.tolist()])
        np.testing.assert_array_equal(part.present, np.column_stack([~without, np.ones(len(part), bool)]))
        red = part.inputs["image"][:, 0].mean(axis=(1, 2)) * 255
        np.testing.assert_allclose(red, np.where(without, 0, 200), atol=6)
    (data / "petfinder" / "train_images" / "pet1-1.jpg").unlink()
    with pytest.raises(FusebenchError, match=r"lacks the first photograph of 1 of 60 pets, first 'pet1-1\.jpg'"):
        get("petfinder(size=8)").load(0)
    assert not {"Description", "Name", "PetID", "RescuerID", "AdoptionSpeed"} & set(petfinder.RECORD.columns)


def test_petfinder_says_that_files_are_put_by_hand():
    with pytest.raises(DataUnavailableError, match=r"cannot be fetched by a program.*rules.*kaggle.*petfinder/"):
        get("petfinder").load(0)


def write_cub(data, species=3, training=10, tested=4):
    """Lists, boxes, attributes and pictures of some species; the left half of every picture is its box."""
    root = data / "cub_200_2011" / "CUB_200_2011"
    lists = {name: [] for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes")}
    attributes, number = [], 0
    for kind in range(1, species + 1):
        for place in range(training + tested):
            number += 1
            name = f"{kind:03d}.Bird/Bird_{place:04d}_{number}.jpg"
            lists["images"].append(f"{number} {name}")
            lists["image_class_labels"].append(f"{number} {kind}")
            lists["train_test_split"].append(f"{number} {int(place < training)}")
            lists["bounding_boxes"].append(f"{number} 0.0 0.0 16.0 16.0")
            wide = number % 5 == 0  # lines with more columns than the rest, as the published file has
            extra = "3 0 2.3" if wide else "3 2.3"
            seen = {kind, 312 if place == 0 else kind}
            attributes += [f"{number} {a} {int(a in seen)} {extra}" for a in range(1, 313)]
            pixels = np.zeros((16, 32, 3), np.uint8)
            pixels[:, :16] = 60 * kind
            (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            PIL.fromarray(pixels).save(root / "images" / name, quality=95)
    (root / "attributes").mkdir()
    (root / "attributes" / "image_attribute_labels.txt").write_text("\n".join(attributes) + "\n")
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (root / "classes.txt").write_text("".join(f"{kind} {kind:03d}.Bird\n" for kind in range(1, species + 1)))
    return root


def test_cub_keeps_the_published_split_and_reads_lines_with_more_columns(data):
    write_cub(data)
    made = get("cub_200_2011(size=8,species=3)")
    bundle = made.load(0)
    assert bundle.modalities == made.modalities and made.folds == 1
    assert [len(rows) for rows in bundle.splits.values()] == [24, 6, 12]
    trained = {
        (number - 1) % 14 < 10 for rows in (bundle.train, bundle.validation) for number in rows.ids.tolist()
    }
    assert trained == {True} and {(number - 1) % 14 >= 10 for number in bundle.test.ids.tolist()} == {True}
    for rows in bundle.splits.values():
        first = np.array([(number - 1) % 14 == 0 for number in rows.ids.tolist()])
        seen = rows.inputs["attributes"]
        np.testing.assert_array_equal(seen[:, :3].argmax(axis=1), rows.labels)
        np.testing.assert_array_equal(seen[:, 311], first)
        assert seen.sum() == len(rows) + first.sum()
    assert made.load(4).validation.ids.tolist() == bundle.validation.ids.tolist()


def test_cub_boxes_and_species(data):
    write_cub(data)
    whole, boxed = (
        get(f"cub_200_2011(boxed={flag},size=8,species=2)").load(0).train for flag in ("false", "true")
    )
    assert whole.ids.tolist() == boxed.ids.tolist() and set(whole.labels.tolist()) == {0, 1}
    np.testing.assert_allclose(boxed.inputs["image"].mean(axis=(1, 2, 3)) * 255, 60 * (boxed.labels + 1), atol=3)
    np.testing.assert_allclose(whole.inputs["image"].mean(axis=(1, 2, 3)) * 255, 30 * (whole.labels + 1), atol=4)
    one, other = BoxedDecoder(8, {"a": (0, 0, 2, 2)}), BoxedDecoder(8, {"a": (0, 0, 2, 3)})
    assert one.key != other.key


def test_cub_damage_is_named(data):
    root = write_cub(data, training=6, tested=1)
    lines = (root / "attributes" / "image_attribute_labels.txt").read_text().splitlines()
    (root / "attributes" / "image_attribute_labels.txt").write_text("\n".join(lines[:-1]) + "\n")
    made = get("cub_200_2011(size=8,species=3)")
    with pytest.raises(UnreadableFileError, match="says nothing of attribute 312 of picture 21"):
        made.load(0)
    (root / "attributes" / "image_attribute_labels.txt").write_text("\n".join(["1 999 1", *lines]) + "\n")
    with pytest.raises(UnreadableFileError, match="line 1 is not `picture attribute present"):
        made.load(0)
    next((root / "images" / "003.Bird").iterdir()).unlink()
    with pytest.raises(FusebenchError, match=r"lacks 1 of 21 pictures, first '003\.Bird/"):
        made.load(0)


SPECIES = ("Acer Mono", "Prunus X Shmittii", "Quercus Ilex")


def write_leaves(data, monkeypatch):
    """Three species and the incomplete one; the shape table lists them in an order of its own, as published."""
    monkeypatch.setattr(leaves, "SPECIES", SPECIES)
    listed = {"margin": [*SPECIES, leaves.INCOMPLETE], "texture": [leaves.INCOMPLETE, *SPECIES]}
    listed["shape"] = [SPECIES[2], leaves.INCOMPLETE, SPECIES[0], SPECIES[1]]
    folder = data / "leaves"
    folder.mkdir()
    for view, source in leaves.TABLES.items():
        monkeypatch.setitem(leaves.TABLES, view, replace(source, checksum=""))
        lines = []
        for name in listed[view]:
            missing = 1 if view == "texture" and name == leaves.INCOMPLETE else 0
            kind = 100 * (SPECIES.index(name) + 1) if name in SPECIES else 900
            lines += [",".join([name, *[str(kind + leaf)] * 64]) for leaf in range(1, 17 - missing)]
        (data / source.path).write_text("\n".join(lines))
    monkeypatch.setattr(leaves, "SILHOUETTES", replace(leaves.SILHOUETTES, checksum=""))
    for number, name in enumerate(SPECIES):
        stem = name.replace(" ", "_")
        for leaf in range(1, 17):
            written = stem if number else stem.lower()  # some file names are in small letters, as published
            paint(folder / "data" / stem / f"{written}_{leaf:02d}.ab.jpg", 80 * number + 5 * (leaf - 1), (20, 30))
    return folder


def test_leaves_are_matched_by_species_and_order_across_tables_and_silhouettes(data, monkeypatch):
    write_leaves(data, monkeypatch)
    made = get("leaves(size=8)")
    assert made.classes == SPECIES
    tested = []
    for seed in range(5):
        for split, rows in made.load(seed).splits.items():
            leaf = np.array([int(name[-2:]) for name in rows.ids.tolist()])
            kind = np.array([SPECIES.index(c) for c in (made.classes[label] for label in rows.labels)])
            for view in ("margin", "shape", "texture"):
                np.testing.assert_array_equal(rows.inputs[view][:, 7], 100 * (kind + 1) + leaf)
            grey = rows.inputs["image"].mean(axis=(1, 2, 3)) * 255
            np.testing.assert_allclose(grey, 80 * kind + 5 * (leaf - 1), atol=3)
            tested += rows.ids.tolist() if split == "test" else []
    assert len(tested) == len(set(tested)) == 48


def test_leaves_without_a_row_or_a_number_are_named(data, monkeypatch):
    folder = write_leaves(data, monkeypatch)
    lines = (folder / "data_Mar_64.txt").read_text().splitlines()
    (folder / "data_Mar_64.txt").write_text("\n".join(lines[1:]))
    with pytest.raises(UnreadableFileError, match="has 15 leaves of Acer Mono where 16 are published"):
        get("leaves").load(0)
    (folder / "data_Mar_64.txt").write_text("\n".join(["Acer Mono,1,2", *lines]))
    with pytest.raises(UnreadableFileError, match="line 1 is not a species and 64 numbers"):
        get("leaves").load(0)


def test_the_incomplete_species_is_none_of_the_classes():
    species = get("leaves").classes
    assert len(species) == len(set(species)) == 99 and leaves.INCOMPLETE not in species
    assert list(species) == sorted(species)
