<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
 <context>
  <name>RSRefSeg</name>
  <message>
   <location filename="../engine/client.py" />
   <source>the engine</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>the plugin</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine refuses the token; set the engine's token in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine's token holds characters that no token has; copy it again into the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine speaks version {theirs} of the protocol and the plugin version {ours}; update {older}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>What answers is no engine, or one that this plugin does not understand (HTTP status {status}); check the address and the engine's version.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine broke off (HTTP status {status}); try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing the downloaded packages</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Looking for a Python</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine is installed</source>
   <translation>Le moteur est installé</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing packages, this takes minutes</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Checking the engine</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>{step} {name}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Making an environment from {python}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Another QGIS window is installing the engine; wait until it is done and try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine needs about {needed:.0f} GB and {free:.1f} GB are free; free some, or choose another folder in the plugin's settings: {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>it was killed, perhaps for lack of memory</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine was stopped while it worked; run it again, it starts anew by itself.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>code {code}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine is not installed yet; press “Install engine…” in the RSRefSeg panel (about 1.5 GB, once).</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine ended in the middle of the request ({why}); run it again, the engine starts anew by itself. Its log: {log}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>signal {number}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine did not load its model in time; try again, or raise the time limit in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>http:// would show the engine's token to the network; use https:// in the plugin's settings, or a tunnel to 127.0.0.1: {url}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine could not load its model; see its log.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>“{field}” is no {wanted}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>The engine's answer is not understood ({where}); repair the engine in the plugin's settings so that both are of the same version.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The disk is full; free about 4 GB, or choose another folder for the engine in the plugin's settings, and install again: {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The proxy refused the download; set it for pip (pip config set global.proxy http://user:password@host:port) and install again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be trusted, often because a proxy replaces certificates; give pip the proxy's certificate (pip config set global.cert FILE) and install again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be reached; check the network and install again (what was downloaded is kept), or choose a folder of wheels in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A download was damaged on its way; install again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder cannot be written; close other QGIS windows, or choose another folder in the plugin's settings: {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder has too long a name; choose a short one, such as C:\rsrefseg, in the plugin's settings: {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A package is not to be had for this system ({why}); choose another Python (3.11 is best) or another folder of wheels in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The installation failed ({why}); install again with “Repair”, or see its log in {folder}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>no message</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine ended at its start with code {code} ({why}); repair the engine in the plugin's settings, or see its log: {log}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine has no output; try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine is not complete in its environment ({why}); repair the engine in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine did not start in time; try again, or raise the time limit in the plugin's settings. Its log: {log}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine could not be started with {python} ({why}); repair the engine in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/proxy.py" />
   <source>QGIS's proxy is of the kind {kind}, which cannot reach a remote engine; use an HTTP proxy, or exclude {url} from it in QGIS's network settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one from https://www.python.org/downloads or choose one in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one (Debian, Ubuntu: sudo apt install python3 python3-venv) or choose one in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a 32-bit Python, 64 bits are needed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a free-threaded Python, which PyTorch does not fit</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it does not run</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is Python {version}, 3.10 to 3.13 is needed</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>its venv module is missing (Debian, Ubuntu: sudo apt install python{version}-venv)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python at {path} cannot be used: {why}; then try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python chosen in the plugin's settings cannot be used ({why}): {path}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>Nobody that this system trusts vouches for the engine at {url}; if {found} is the fingerprint that the engine prints when it starts, set it in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {host} shows another certificate than the trusted one; if its operator has renewed it, set the new fingerprint in the plugin's settings: {found}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {url} could not be reached safely ({why}); check the address.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} has expired; renew it on the server.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is not valid yet; check both clocks.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is for another name than {host}; use the name that it is for.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>no TLS connection comes about there: {why}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>“{text}” is no SHA-256 fingerprint of a certificate; copy the 64 digits that the engine prints when it starts into the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is no longer in QGIS's authentication database; enter it again in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database is switched off, so that no token can be kept; set the environment variable RSREFSEG_ENGINE_TOKEN instead.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is locked; try again and give QGIS the master password of its authentication database.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database did not take the token; check it under Options, Authentication.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The connection to the engine at {url} broke ({why}); try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>“{url}” is no address of an engine; give one like https://server:8443 in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The proxy did not let the connection to {url} through ({why}); check QGIS's network settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine at {url} gave no answer in time; try a smaller extent or raise the time limit in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine's address {url} is not known; check it in the plugin's settings and check the network.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>Nothing answers at {url}; start the engine there and try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>What answers at {url} is no engine ({why}); check the address in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../errors.py" />
   <source>Cancelled.</source>
   <translation>Annulé.</translation>
  </message>
  <message>
   <location filename="../gui/ahead.py" />
   <source>The raster layer is gone; choose another.</source>
   <translation>La couche raster n'est plus là ; choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Result</source>
   <translation>Résultat</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show best guess</source>
   <translation>Montrer la meilleure hypothèse</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Draw what comes nearest, although the model takes it for no match</source>
   <translation>Dessiner ce qui s'en rapproche le plus, bien que le modèle n'y voie pas de correspondance</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Heat map</source>
   <translation>Carte de chaleur</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show on the map where the model looked and how likely each place is</source>
   <translation>Montrer sur la carte où le modèle a regardé et la probabilité de chaque endroit</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add to layer…</source>
   <translation>Ajouter à une couche…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add the polygons to a polygon layer of yours, field by field</source>
   <translation>Ajouter les polygones, champ par champ, à l'une de vos couches de polygones</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Export to GeoPackage…</source>
   <translation>Exporter en GeoPackage…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Write the result into a GeoPackage</source>
   <translation>Écrire le résultat dans un GeoPackage</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Shape</source>
   <translation>Forme</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>How outlines are drawn; they change as you look</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add to layer</source>
   <translation>Ajouter à une couche</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer to add to</source>
   <translation>Couche de destination</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>A polygon layer that can be edited</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer</source>
   <translation>Couche</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What goes into each field. The edits can be undone until you save them.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>There is no polygon layer that can be edited; add or create one first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>(leave empty)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add {count} polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What is put into the field “{name}”</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine not installed</source>
   <translation>Moteur non installé</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine starts with the first question</source>
   <translation>Le moteur démarre à la première question</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine is starting…</source>
   <translation>Le moteur démarre…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine ready</source>
   <translation>Moteur prêt</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine at work</source>
   <translation>Moteur au travail</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine failed</source>
   <translation>Le moteur a échoué</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine unreachable</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>State of the engine</source>
   <translation>État du moteur</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Why this device, and what is cached</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install engine…</source>
   <translation>Installer le moteur…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install the engine into a folder of its own; QGIS's Python is left alone</source>
   <translation>Installer le moteur dans un dossier à part ; le Python de QGIS n'est pas touché</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Settings of RSRefSeg</source>
   <translation>Paramètres de RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>1 view ready</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Engine {version}</source>
   <translation>Moteur {version}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{views} ({size} of {budget})</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Model: {name}</source>
   <translation>Modèle : {name}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Device: {name}, {precision}. {why}</source>
   <translation>Matériel : {name}, {precision}. {why}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{count} views ready</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Export to GeoPackage</source>
   <translation>Exporter en GeoPackage</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>GeoPackage (*.gpkg)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>It has no layers that can be read.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace file</source>
   <translation>Remplacer le fichier</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>{name} is there already.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Append to {layer}</source>
   <translation>Ajouter à {layer}</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace {layer}</source>
   <translation>Remplacer {layer}</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>It has the layers {layers}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Add as new layer</source>
   <translation>Ajouter comme nouvelle couche</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Extent</source>
   <translation>Emprise</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>What part of the raster is looked at</source>
   <translation>La partie du raster qui est examinée</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map</source>
   <translation>Dessiner un rectangle sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Visible map</source>
   <translation>Carte visible</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Whole layer</source>
   <translation>Couche entière</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Drawn rectangle</source>
   <translation>Rectangle dessiné</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Selected features</source>
   <translation>Entités sélectionnées</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Select features of a vector layer and make it the active layer first.</source>
   <translation>Sélectionnez d'abord des entités d'une couche vecteur et rendez-la active.</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map first, or choose another extent.</source>
   <translation>Dessinez d'abord un rectangle sur la carte, ou choisissez une autre emprise.</translation>
  </message>
  <message>
   <location filename="../gui/group.py" />
   <source>Fold or unfold “{title}”</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>Ask for something first; then its heat map can be shown.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: where the model looked</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: probability</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help (F1)</source>
   <translation>Aide (F1)</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help</source>
   <translation>Aide</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>User guide</source>
   <translation>Guide de l'utilisateur</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>RSRefSeg: user guide</source>
   <translation>RSRefSeg : guide de l'utilisateur</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Runs of this project</source>
   <translation>Recherches de ce projet</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>What was asked in this project; Enter runs it again</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Run again</source>
   <translation>Relancer</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Ask the chosen run again, as it was</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open in Toolbox…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open the chosen run in “Segment by phrase” of the Processing Toolbox</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clear</source>
   <translation>Effacer</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Forget the runs of this project; layers stay</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Layer: {name}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Extent: {extent}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Model: {name} ({digest})</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Threshold {threshold}, minimum area {area} m², simplification {simplify} m</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Relation to “{name}”</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clicks: {count}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install the RSRefSeg engine</source>
   <translation>Installer le moteur de RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is the part that looks at the pixels. It gets a Python environment of its own in a folder of yours; QGIS and its Python are left as they are. After that everything works without a network, and no raster and no phrase leaves this machine.</source>
   <translation>Le moteur est la partie qui examine les pixels. Il reçoit son propre environnement Python dans un dossier à vous ; QGIS et son Python restent tels quels. Ensuite tout fonctionne sans réseau, et aucun raster ni aucune description ne quitte cet ordinateur.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How the installation stands</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder for the engine's environment, logs and downloads</source>
   <translation>Dossier de l'environnement, des journaux et des téléchargements du moteur</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder of the engine</source>
   <translation>Dossier du moteur</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Which PyTorch to install; automatic takes CUDA where an NVIDIA driver answers</source>
   <translation>Quel PyTorch installer ; automatique prend CUDA là où un pilote NVIDIA répond</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>What</source>
   <translation>Quoi</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>From</source>
   <translation>D'où</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>With</source>
   <translation>Avec</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How large</source>
   <translation>Taille</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Where</source>
   <translation>Où</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>PyTorch</source>
   <translation>PyTorch</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Progress</source>
   <translation>Avancement</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install</source>
   <translation>Installer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop</source>
   <translation>Arrêter</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop; what is downloaded already is kept</source>
   <translation>Arrêter ; ce qui est téléchargé est conservé</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Close</source>
   <translation>Fermer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Python {version}: {path}</source>
   <translation>Python {version} : {path}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>no Python that fits</source>
   <translation>aucun Python adapté</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{download} to download, {disk} on the disk; {free} are free</source>
   <translation>{download} à télécharger, {disk} sur le disque ; {free} libres</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed. Type what to find into the RSRefSeg panel.</source>
   <translation>Le moteur est installé. Saisissez ce que vous cherchez dans le panneau RSRefSeg.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Repair</source>
   <translation>Réparer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>several GB to download; {needed} must be free for it, {free} are</source>
   <translation>plusieurs Go à télécharger ; il faut {needed} libres, il y en a {free}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stopped. “Install” goes on from what is there already.</source>
   <translation>Arrêté. « Installer » reprend là où il en était.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{packages} and what they need, about 60 packages with locked versions</source>
   <translation>{packages} et leurs dépendances, environ 60 paquets aux versions fixées</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed ({size}); “Repair” installs it anew.</source>
   <translation>Le moteur est installé ({size}) ; « Réparer » le réinstalle.</translation>
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results were saved with the project, in {path}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results could not be saved with the project ({why}); use “Export to GeoPackage…”.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>RSRefSeg</source>
   <translation>RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster layer</source>
   <translation>Couche raster</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The raster layer to look at, as it is drawn on the map</source>
   <translation>La couche raster à examiner, telle qu'elle est dessinée sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster</source>
   <translation>Raster</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>What to find</source>
   <translation>Que chercher</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Phrase</source>
   <translation>Description</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>e.g. the red-roofed building left of the road</source>
   <translation>p. ex. the red-roofed building left of the road</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Say in words what to find; several phrases are separated by semicolons</source>
   <translation>Dire en anglais ce qu'il faut chercher ; plusieurs descriptions se séparent par des points-virgules</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Examples</source>
   <translation>Exemples</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Segment</source>
   <translation>Segmenter</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Find it and draw the outlines (Enter)</source>
   <translation>Chercher et dessiner les contours (Entrée)</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Cancel</source>
   <translation>Annuler</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Stop what is going on</source>
   <translation>Arrêter ce qui est en cours</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Beside your own data</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Keep only what lies so to the features of a layer of yours</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>History</source>
   <translation>Historique</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The runs of this project</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>There is no raster to look at; add a raster layer first.</source>
   <translation>Il n'y a pas de raster à examiner ; ajoutez d'abord une couche raster.</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Try: {examples}</source>
   <translation>Essayez : {examples}</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Type what to look for, such as “{example}”.</source>
   <translation>Saisissez ce que vous cherchez, par exemple « {example} ».</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Undo the last change</source>
   <translation>Annuler la dernière modification</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Redo the last change</source>
   <translation>Rétablir la dernière modification</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what belongs to it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what does not belong to it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Draw a box around it on the map</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/refining.py" />
   <source>Ask for something first; then clicks refine the answer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Relation</source>
   <translation>Relation</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Keep only what lies so to the nearest feature of a layer of yours; left is west and above is north</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Anywhere</source>
   <translation>N'importe où</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Layer of the relation</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The vector layer that polygons are compared with</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Distance</source>
   <translation>Distance</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>How far at most, measured on the ground</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Only</source>
   <translation>Seulement</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>left of</source>
   <translation>à gauche de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>right of</source>
   <translation>à droite de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>above</source>
   <translation>au-dessus de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>below</source>
   <translation>au-dessous de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>within</source>
   <translation>à moins de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>touching</source>
   <translation>touche</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>inside</source>
   <translation>à l'intérieur de</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The layer of the relation is gone; choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Choose the layer that “{relation}” is about, or choose “Anywhere”.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidates</source>
   <translation>Candidats</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Checked polygons are kept; point at one to see it on the map</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidate</source>
   <translation>Candidat</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Score</source>
   <translation>Score</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Area</source>
   <translation>Surface</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is not installed yet (about 1.5 GB, once).</source>
   <translation>Le moteur n'est pas encore installé (environ 1,5 Go, une fois).</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is installed; ask for something.</source>
   <translation>Le moteur est installé ; cherchez quelque chose.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The result's layer is gone; ask again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The raster layer was removed; the search in it was stopped.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>Exported to {path}.</source>
   <translation>Exporté vers {path}.</translation>
  </message>
  <message>
   <location filename="../gui/session.py" />
   <source>The raster “{name}” is not in the project; add it and try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Not installed yet</source>
   <translation>Pas encore installé</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Device</source>
   <translation>Matériel</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Where the model runs; automatic takes a graphics card where one can be used</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Precision</source>
   <translation>Précision</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Numbers that the model calculates with; automatic takes the fastest that is safe</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Memory for encoded images</source>
   <translation>Mémoire pour les images encodées</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Further phrases on a view that is kept there are answered at once</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Disk for encoded images</source>
   <translation>Disque pour les images encodées</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Views that are kept there need not be encoded again in the next session</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The first answer comes sooner; the processor or graphics card works for it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Encode the extent while the phrase is being typed</source>
   <translation>Encoder l'emprise pendant la saisie</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Address</source>
   <translation>Adresse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>https:// address of an engine elsewhere; empty: the engine on this machine</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Certificate's fingerprint</source>
   <translation>Empreinte du certificat</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>SHA-256 of a self-signed certificate, as the engine prints it when it starts</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>empty: whom this system trusts</source>
   <translation>vide : les autorités de ce système</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style of new results</source>
   <translation>Style des nouveaux résultats</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>A QGIS style file that new result layers get; empty: the plugin's own style</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Folder of packages</source>
   <translation>Dossier de paquets</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Wheels to install from on a machine without a network</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>All files (*)</source>
   <translation>Tous les fichiers (*)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python to install with</source>
   <translation>Python pour l'installation</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python 3.10 to 3.13 that the engine's environment is made from</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine's Python</source>
   <translation>Python du moteur</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python of an environment of yours that has the engine, instead of the plugin's</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights</source>
   <translation>Poids</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights file of another model; empty: the one that comes with the plugin</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights (*.safetensors)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the plugin's own</source>
   <translation>celui de l'extension</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers.</source>
   <translation>Le moteur répond.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an unknown device</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Privacy: no raster, no phrase and no statistics leave this machine. Only installing the engine needs a network, and only a remote engine that you enter below is sent the pixels of the extent and the phrase.</source>
   <translation>Confidentialité : aucun raster, aucune description et aucune statistique ne quittent cet ordinateur. Seule l'installation du moteur demande un réseau, et seul un moteur distant que vous indiquez ci-dessous reçoit les pixels de l'emprise et la description.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Looking at the engine…</source>
   <translation>Recherche du moteur…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Install or repair…</source>
   <translation>Installer ou réparer…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Show what is installed and where, and do it</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine on this machine</source>
   <translation>Moteur sur cet ordinateur</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Token</source>
   <translation>Jeton</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>What the remote engine asks for; kept encrypted in QGIS's authentication database</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Test the connection</source>
   <translation>Tester la connexion</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Ask the engine at this address how it is</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>How the connection is</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Remote engine</source>
   <translation>Moteur distant</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Results</source>
   <translation>Résultats</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>looked for</source>
   <translation>recherché</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installation and model</source>
   <translation>Installation et modèle</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Asking the engine…</source>
   <translation>Interrogation du moteur…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Automatic</source>
   <translation>Automatique</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Processor (CPU)</source>
   <translation>Processeur (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>NVIDIA graphics card (CUDA)</source>
   <translation>Carte graphique NVIDIA (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Apple graphics (MPS)</source>
   <translation>Carte graphique Apple (MPS)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>32 bit: exact, slowest</source>
   <translation>32 bits : exact, le plus lent</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>bfloat16: for newer hardware</source>
   <translation>bfloat16 : matériel récent</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>16 bit: for graphics cards</source>
   <translation>16 bits : cartes graphiques</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers: version {version}, model {model}, on {device}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an eighth of it</source>
   <translation>un huitième</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>none</source>
   <translation>aucun</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style (*.qml)</source>
   <translation>Style (*.qml)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>from the network</source>
   <translation>depuis le réseau</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the installed one</source>
   <translation>celui qui est installé</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine of your own environment is used: {python}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installed in {folder} ({size})</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Probability from which a pixel counts: less finds more, more is surer</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Threshold</source>
   <translation>Seuil</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Minimum area</source>
   <translation>Surface minimale</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplification</source>
   <translation>Simplification</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Smaller polygons are left out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Outlines are made simpler within this tolerance</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Right angles</source>
   <translation>Angles droits</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Corners become square where that hardly moves an outline</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplify</source>
   <translation>Simplifier</translation>
  </message>
  <message>
   <location filename="../gui/shaping.py" />
   <source>Its best guess stays below the threshold; lower that to see it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} MB</source>
   <translation>{size} Mo</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For the processor (CPU)</source>
   <translation>Pour le processeur (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For NVIDIA graphics cards (CUDA)</source>
   <translation>Pour les cartes graphiques NVIDIA (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} GB</source>
   <translation>{size} Go</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>QGIS's Processing is not active; activate its plugin and try again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>There are no polygons to add; ask for something first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>{count} polygons added to “{layer}”; save its edits to keep them.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>Add segmented polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” cannot be edited; choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” does not take the polygons; choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>A polygon cannot be expressed in the CRS of “{name}”; choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>The layer to keep to has no polygons; choose another, or select some of it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>A polygon cannot be expressed in {crs}; reproject its layer, or leave it out.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>{path} cannot be written ({why}); choose another folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>no room</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} cannot be written ({why}); choose another place.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>There is no folder {folder}; choose another place.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} is there already; choose another name, or say what to do with it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} has a layer “{table}” already; replace it, append to it or rename.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>no data there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The layer's style draws no colours; choose another style for it.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels cannot be written to the folder for temporary files ({why}); free some room there, or choose a smaller extent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>“{name}” shows nothing in this extent ({why}); zoom to its data or choose another extent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>There is no room for {width} x {height} pixels; choose a smaller extent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels of “{name}” cannot be read ({why}); check its source.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/grid.py" />
   <source>Nothing of the raster lies in this extent; zoom to the layer or choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/mosaic.py" />
   <source>The parts of the extent were answered on different grids; give a ground resolution.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>left of {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>right of {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>above {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>below {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>within {distance} m of {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>touching {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>inside {layer}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>The layer “{name}” has no geometries; choose another for the relation.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>Nothing can be inside of “{name}”, which has no polygons; choose “touching” or “within”, or a polygon layer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” and the raster cannot be brought into one CRS; reproject the layer or choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” has no features near the extent; choose another layer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>Polygons for “{phrase}” in “{layer}”, found by {model}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>The engine answered a geometry of the kind “{kind}”; update the plugin.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/scratch.py" />
   <source>The extent takes {needed} GB on the disk while it is worked at, and {folder} has {free} GB free; choose a smaller extent or a coarser ground resolution, or free some room.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer was read already; start again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be read; check that its source is there.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no extent; set it in the layer's properties.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no style to draw it; reset its style.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The extent cannot be expressed in the CRS of “{name}” ({crs}); zoom to the layer or choose another extent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be drawn apart from the map.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>RSRefSeg panel</source>
   <translation>Panneau RSRefSeg</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>Find things in a raster by saying what they are</source>
   <translation>Trouver des choses dans un raster en disant ce qu'elles sont</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>There is no result to export; ask for something first.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Only inside the polygons of</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>phrase,find,outline</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>The raster “{name}” cannot be read; check its path.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Encode ahead</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Has the engine look at a raster now, so that phrases are answered faster later.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>&lt;p&gt;Looking at pixels takes most of the time of a request, and does not depend on the phrase. This does it ahead, for instance over night, and keeps what was seen in the engine's cache on the disk.&lt;/p&gt;&lt;p&gt;It serves later runs of the algorithms and the panel on the &lt;b&gt;same layer, style, extent and ground resolution&lt;/b&gt;, also after QGIS was closed. On extents that take several views of the model, other extents of the layer that share views gain too.&lt;/p&gt;&lt;p&gt;When the layer takes more room than the disk cache has, what was seen first goes first; its size is set in the plugin's settings.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Ground resolution [m]</source>
   <translation>Résolution au sol [m]</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views in the disk cache</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Disk cache in use [MB]</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The run was not prepared; start it again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The engine keeps nothing on the disk, so this lasts until it ends; give it a disk cache in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache is full, so some of the layer may have been let go of; make it larger in the plugin's settings, or take a smaller extent.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at: {count}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache holds {count} views, {used} MB of {budget} MB.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluate against a reference layer</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Says how well found polygons agree with those of a reference layer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>&lt;p&gt;Holds found polygons against a reference. Objects are matched one to one, the best overlap first; a pair counts from an intersection over union (IoU) of 0.5. Areas are measured on the ellipsoid.&lt;/p&gt;&lt;p&gt;&lt;b&gt;IoU&lt;/b&gt;: shared area over the area of both layers.&lt;br&gt;&lt;b&gt;Precision&lt;/b&gt;, &lt;b&gt;recall&lt;/b&gt;, &lt;b&gt;F1&lt;/b&gt;: by matched objects.&lt;br&gt;&lt;b&gt;Mean IoU&lt;/b&gt; and &lt;b&gt;Pr@0.5&lt;/b&gt;: over the phrases that the reference has; Pr@0.5 is the share of them with an IoU above 0.5. Without phrase fields, all of it counts as one phrase.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase fields&lt;/b&gt;: give both to tell phrases apart; texts must be the same up to upper and lower case.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: where the reference is complete; both layers are cut there.&lt;/p&gt;&lt;p&gt;The result has each polygon with what became of it: &lt;i&gt;true positive&lt;/i&gt;, &lt;i&gt;false positive&lt;/i&gt; or &lt;i&gt;miss&lt;/i&gt;. The report is a JSON file with the figures of each phrase. Figures that would divide by nothing are left empty.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>nothing to divide by</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluation</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Found polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Reference polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the found polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the reference</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Verdicts</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Report</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>JSON files (*.json)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Give the phrase field of both layers, or of none.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and not there</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>there and not found</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>A layer cannot be read; check that its source is there.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>IoU</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Precision at IoU 0.5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Recall at IoU 0.5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>F1 at IoU 0.5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Mean IoU of the phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Pr@0.5</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>True positives</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>False positives</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Misses</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Export training samples</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Makes training samples of a raster and polygons with a field of phrases.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>&lt;p&gt;Cuts a raster into chips and writes, for each phrase that polygons on a chip answer, a mask: PNG files, and a file &lt;i&gt;cases.jsonl&lt;/i&gt; that &lt;code&gt;rsrefseg train&lt;/code&gt; and &lt;code&gt;rsrefseg evaluate&lt;/code&gt; read.&lt;/p&gt;&lt;p&gt;All polygons of a phrase that lie on a chip answer it together, so a phrase such as &lt;i&gt;all buildings&lt;/i&gt; needs all of them drawn. Chips without polygons are left out.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Kind&lt;/b&gt;: what the phrases ask for, by which figures are reported: from a field, or one for all. With &lt;i&gt;class&lt;/i&gt;, &lt;i&gt;colour&lt;/i&gt; or &lt;i&gt;material&lt;/i&gt;, training may turn and cut the pictures; leave it for phrases with left, right or largest.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel of the chips; the raster's own pixels by default.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Labelled polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the kinds</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Kind without a field</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Side of a chip [pixels]</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Folder</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Cases file</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of chips</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of cases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>The labelled polygons cannot be read; check their layer.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>{cases} cases on {chips} chips: {path}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability raster for a phrase</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Says for each place of a raster how likely a phrase is true there.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>&lt;p&gt;Says for each place of a raster how likely a phrase such as &lt;i&gt;water&lt;/i&gt; is true there, from 0 to 1: for thresholds of your own, for combining with other rasters, or to see why something was found or missed.&lt;/p&gt;&lt;p&gt;The result is a GeoTIFF of one band (32-bit float, NaN where the raster has no data) in the raster's CRS. The extent may be of any size; there are no seams.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase&lt;/b&gt;: one phrase.&lt;br&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>{phrase} (probability)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Give one phrase; several take one run each.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/provider.py" />
   <source>RSRefSeg: find things in rasters by phrase</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularise polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Gives outlines of buildings straight sides and right angles.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>&lt;p&gt;Gives outlines that nearly have right angles, as those of buildings, straight sides and right angles along their main direction. What does not look built in right angles is only simplified; what would change too much is left as it was. The result is always valid; all fields are kept, and a field &lt;i&gt;area_m2&lt;/i&gt; is measured anew.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Tolerance&lt;/b&gt;: how far an outline may move, in metres on the ground (in map units for a layer without a CRS); sides shorter than that go.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Tolerance [m]</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Polygons</source>
   <translation>Polygones</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularised</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Number of polygons</source>
   <translation>Nombre de polygones</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Segment by phrase</source>
   <translation>Segmenter par description</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Finds what a phrase says in a raster and gives its outlines as polygons.</source>
   <translation>Trouve dans un raster ce que dit une description et donne les contours en polygones.</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>&lt;p&gt;Finds what a phrase says, such as &lt;i&gt;the red-roofed building left of the road&lt;/i&gt; or &lt;i&gt;all buildings&lt;/i&gt;, in a raster layer, and gives a polygon layer in the raster's CRS with score, area (m², on the ellipsoid) and provenance. Several phrases are separated by semicolons.&lt;/p&gt;&lt;p&gt;The layer is looked at as it is drawn on the map: bands, stretch and colours of its style count. Any raster that QGIS can draw will do, map services too.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default, however large it is.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; selected features only, if you say so.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;br&gt;&lt;b&gt;Threshold&lt;/b&gt;: probability from which a pixel counts.&lt;br&gt;&lt;b&gt;Minimum area&lt;/b&gt; and &lt;b&gt;Simplification&lt;/b&gt;: smaller polygons are left out, outlines are made simpler within the tolerance.&lt;/p&gt;&lt;p&gt;The engine runs on this machine; nothing leaves it. It starts on first use and is shared with the RSRefSeg panel.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Minimum area [m²]</source>
   <translation>Surface minimale [m²]</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Simplification [m]</source>
   <translation>Simplification [m]</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The phrase is empty; say what to look for.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The style is not kept in the file: {why}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Segment many rasters by many phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Finds what phrases say in each of many rasters, into one GeoPackage.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>&lt;p&gt;Looks for each phrase in each raster and writes all polygons into one GeoPackage, with score, area, source and provenance, and with the layers' styles.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Rasters&lt;/b&gt;: layers of the project, as they are drawn, or files; and all those in a &lt;b&gt;folder&lt;/b&gt; (not of folders in it). Each may be of any size. One that cannot be used is named and left out.&lt;br&gt;&lt;b&gt;Phrases&lt;/b&gt;: one on each line, or separated by semicolons; and those in a &lt;b&gt;field&lt;/b&gt; of a layer or table.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; rasters that they do not reach are left out.&lt;br&gt;&lt;b&gt;CRS&lt;/b&gt;: of the polygons; that of the first raster by default.&lt;br&gt;&lt;b&gt;Layers&lt;/b&gt;: one for all, coloured by its field “phrase”, or one for each phrase.&lt;/p&gt;</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for all phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for each phrase</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>CRS</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layers</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Open the layers afterwards</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage files (*.gpkg)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters looked at</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters left out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Folder of rasters</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layer or table with phrases</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>There is no phrase; type some, or choose a layer with a field of phrases.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Say which field of the layer holds the phrases.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>“{phrase}”: {count} polygons</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../settings.py" />
   <source>The setting {key} cannot be “{value}”; allowed: {allowed}.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/ahead.py" />
   <source>Prepare the view</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/base.py" />
   <source>Something unexpected went wrong ({kind}: {why}); try again, and report it with the message log if it stays.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/calls.py" />
   <source>The engine ended unexpectedly; it starts anew and tries again…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>Starting the engine…</source>
   <translation>Démarrage du moteur…</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent's pixels are more than an engine elsewhere takes at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent has {count} million pixels, and an engine elsewhere takes {limit} million at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/encode.py" />
   <source>Encoding…</source>
   <translation>Encodage…</translation>
  </message>
  <message>
   <location filename="../tasks/evaluate.py" />
   <source>Comparing…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Write {name}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Writing “{table}”…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>Draw where the model looked</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>The engine no longer has this answer; press “Segment” to ask again.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>{path} cannot be written ({why}); free some room or choose another folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Install the engine</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Look at what the engine needs</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Remove the engine</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it cannot be read; check the file.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster; choose some, or a folder of them.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it has no CRS while others have one; set its CRS in the layer's properties.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster in {folder}; choose another folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>The folder {folder} cannot be read; choose another.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>“{name}” is left out: {why}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>its polygons cannot be expressed in {crs}; choose another CRS.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/regularise.py" />
   <source>Straightening…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/reshape.py" />
   <source>Draw the outlines again</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>Writing chips…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>No polygon with a phrase lies on the raster; check the layers' CRS and field.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>“{name}” has no pixels of its own; give a ground resolution.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>{path} is there already; choose another folder.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Reading the layer…</source>
   <translation>Lecture de la couche…</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>The engine does not say what model it has; repair it in the plugin's settings.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Loading the model…</source>
   <translation>Chargement du modèle…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Drawing the result…</source>
   <translation>Dessin du résultat…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Find “{phrase}”</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Looking for “{phrase}”…</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>1 polygon</source>
   <translation>1 polygone</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>“{phrase}”: {what}</source>
   <translation>« {phrase} » : {what}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}”</source>
   <translation>Rien ici ne correspond à « {phrase} »</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{words} are not in this model's vocabulary.</source>
   <translation>{words} ne sont pas dans le vocabulaire de ce modèle.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>score {score}</source>
   <translation>score {score}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Best guess for {text}</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>None of {count} polygons for “{phrase}” lies as asked to “{layer}”.</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source> (likelihood of a match: {percent} %)</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{word} is not in this model's vocabulary.</source>
   <translation>{word} n'est pas dans le vocabulaire de ce modèle.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} polygons</source>
   <translation>{count} polygones</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} left out</source>
   <translation type="unfinished" />
  </message>
  <message>
   <location filename="../tasks/thumbnails.py" />
   <source>Draw the candidates' pictures</source>
   <translation type="unfinished" />
  </message>
 </context>
</TS>
